#include <stdint.h>

#include "pjrt_c_api.h"

// What follows is a part of xla/pjrt/c/pjrt_c_api_ffi_extension.h, under the license of pjrt_c_api.h.
typedef struct {
  size_t struct_size;
  const char* target_name;
  size_t target_name_size;
  void* handler;
  const char* platform_name;
  size_t platform_name_size;
  int traits;
} PJRT_FFI_Register_Handler_Args;

typedef struct {
  PJRT_Extension_Base base;
  void* type_register;
  void* user_data_add;
  PJRT_Error* (*register_handler)(PJRT_FFI_Register_Handler_Args* args);
} PJRT_FFI;

// skinattn_convolution is what a program hands to the custom call of a convolution.
typedef struct {
  const int64_t *geometry; // numbers
  size_t numbers;
  int64_t dims[3][4]; // of the operands and the result
  const float *operands[2];
  float *result;
  int64_t number; // of all calls, from 1
} skinattn_convolution;

// skinattn_ffi_next waits for the next convolution that a program asks for. The one before is finished, with a text that says what went wrong, to be freed, or 0.
skinattn_convolution *skinattn_ffi_next(char *wrong);

// skinattn_ffi_help waits until a program has asked for more convolutions than so many, and returns how many.
int64_t skinattn_ffi_help(int64_t seen);

// skinattn_ffi_register makes the custom call known to the plug-in whose table is api. It returns 0, or a text that says why it can't.
const char *skinattn_ffi_register(const PJRT_Api *api, const char *name);
