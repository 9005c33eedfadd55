#include <stddef.h>

#include "pjrt_c_api.h"

// skinattn_programs_open loads the plug-in at path. It returns 0 and a table of
// functions whose PJRT_Client_Compile is skinattnProgramsCompile, or a text that says
// what is wrong.
const char *skinattn_programs_open(const char *path, const PJRT_Api **table);

// The functions below call the plug-in. They return its error, if any.

// skinattn_programs_compile compiles a program.
PJRT_Error *skinattn_programs_compile(PJRT_Client_Compile_Args *args);

// skinattn_programs_devices counts a client's devices; 0 if it cannot tell.
size_t skinattn_programs_devices(PJRT_Client *client);

// skinattn_programs_load loads a serialized program.
PJRT_Error *skinattn_programs_load(PJRT_Client *client, const char *bytes, size_t size, PJRT_LoadedExecutable **loaded);

// skinattn_programs_serialize turns a program into bytes. If there is no error,
// args->serialized_executable_deleter(args->serialized_executable) frees them.
PJRT_Error *skinattn_programs_serialize(PJRT_LoadedExecutable *loaded, PJRT_Executable_Serialize_Args *args);
void skinattn_programs_free(PJRT_Executable_Serialize_Args *args);

// skinattn_programs_message copies the text of an error into text, of at most size
// bytes, and frees the error.
size_t skinattn_programs_message(PJRT_Error *error, char *text, size_t size);
