//go:build linux

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

// The plug-in's own table. A process has one plug-in whose programs are kept.
static const PJRT_Api *plugin;

// skinattnProgramsCompile is written in Go.
extern PJRT_Error *skinattnProgramsCompile(PJRT_Client_Compile_Args *args);

const char *skinattn_programs_open(const char *path, const PJRT_Api **table) {
	// The flags are those of go-xla. The library stays loaded.
	void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (library == NULL) return dlerror();
	const PJRT_Api *(*get)(void) = (const PJRT_Api *(*)(void))dlsym(library, "GetPjrtApi");
	if (get == NULL) return "it has no function GetPjrtApi";
	const PJRT_Api *api = get();
	if (api == NULL) return "GetPjrtApi returned no table";
	// The table only ever grows at its end within a major version.
	if (api->pjrt_api_version.major_version != PJRT_API_MAJOR ||
	    api->struct_size < offsetof(PJRT_Api, PJRT_LoadedExecutable_Fingerprint))
		return "its version of PJRT is too old or too new";
	if (api->PJRT_Executable_Serialize == NULL || api->PJRT_Executable_DeserializeAndLoad == NULL)
		return "it cannot serialize programs";
	PJRT_Api *copy = malloc(api->struct_size);
	if (copy == NULL) return "no memory";
	memcpy(copy, api, api->struct_size);
	copy->PJRT_Client_Compile = skinattnProgramsCompile;
	plugin = api;
	*table = copy;
	return NULL;
}

PJRT_Error *skinattn_programs_compile(PJRT_Client_Compile_Args *args) { return plugin->PJRT_Client_Compile(args); }

static void destroy_error(PJRT_Error *error) {
	PJRT_Error_Destroy_Args args = {.struct_size = PJRT_Error_Destroy_Args_STRUCT_SIZE, .error = error};
	plugin->PJRT_Error_Destroy(&args);
}

size_t skinattn_programs_message(PJRT_Error *error, char *text, size_t size) {
	PJRT_Error_Message_Args args = {.struct_size = PJRT_Error_Message_Args_STRUCT_SIZE, .error = error};
	plugin->PJRT_Error_Message(&args);
	if (size > args.message_size) size = args.message_size;
	memcpy(text, args.message, size);
	destroy_error(error);
	return size;
}

size_t skinattn_programs_devices(PJRT_Client *client) {
	PJRT_Client_Devices_Args args = {.struct_size = PJRT_Client_Devices_Args_STRUCT_SIZE, .client = client};
	PJRT_Error *error = plugin->PJRT_Client_Devices(&args);
	if (error != NULL) {
		destroy_error(error);
		return 0;
	}
	return args.num_devices;
}

PJRT_Error *skinattn_programs_load(PJRT_Client *client, const char *bytes, size_t size, PJRT_LoadedExecutable **loaded) {
	PJRT_Executable_DeserializeAndLoad_Args args = {
	    .struct_size = PJRT_Executable_DeserializeAndLoad_Args_STRUCT_SIZE,
	    .client = client,
	    .serialized_executable = bytes,
	    .serialized_executable_size = size,
	};
	PJRT_Error *error = plugin->PJRT_Executable_DeserializeAndLoad(&args);
	*loaded = args.loaded_executable;
	return error;
}

PJRT_Error *skinattn_programs_serialize(PJRT_LoadedExecutable *loaded, PJRT_Executable_Serialize_Args *args) {
	PJRT_LoadedExecutable_GetExecutable_Args get = {
	    .struct_size = PJRT_LoadedExecutable_GetExecutable_Args_STRUCT_SIZE,
	    .loaded_executable = loaded,
	};
	PJRT_Error *error = plugin->PJRT_LoadedExecutable_GetExecutable(&get);
	if (error != NULL) return error;
	memset(args, 0, sizeof *args);
	args->struct_size = PJRT_Executable_Serialize_Args_STRUCT_SIZE;
	args->executable = get.executable;
	error = plugin->PJRT_Executable_Serialize(args);
	PJRT_Executable_Destroy_Args destroy = {
	    .struct_size = PJRT_Executable_Destroy_Args_STRUCT_SIZE,
	    .executable = get.executable,
	};
	PJRT_Error *failed = plugin->PJRT_Executable_Destroy(&destroy);
	if (failed != NULL) destroy_error(failed);
	return error;
}

void skinattn_programs_free(PJRT_Executable_Serialize_Args *args) {
	args->serialized_executable_deleter(args->serialized_executable);
}
