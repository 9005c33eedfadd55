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
  const void *frame; // of the call: XLA_FFI_CallFrame
} skinattn_convolution;

// skinattn_ffi_schedule has one of XLA's threads that compute call skinattnHelp with a task, when it has time. It returns 0 if there are no such threads.
int skinattn_ffi_schedule(const skinattn_convolution *call, uintptr_t task);

// skinattn_ffi_register makes the custom call known to the plug-in whose table is api. It returns 0, or a text that says why it can't.
const char *skinattn_ffi_register(const PJRT_Api *api, const char *name);
