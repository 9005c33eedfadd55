//go:build linux

#include "ffi.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "xla_ffi_c_api.h"

// Of Go, in ffi.go. Go 1.21 and later keep what a thread needs to call Go from one call to the next.
extern char *skinattnConvolve(skinattn_convolution *call);
extern void skinattnHelp(uintptr_t task);

static void help(void *task) { skinattnHelp((uintptr_t)task); }

int skinattn_ffi_schedule(const skinattn_convolution *call, uintptr_t task) {
	const XLA_FFI_CallFrame *frame = call->frame;
	XLA_FFI_ThreadPool_Schedule_Args args = {
	    .struct_size = XLA_FFI_ThreadPool_Schedule_Args_STRUCT_SIZE,
	    .ctx = frame->ctx,
	    .task = help,
	    .data = (void *)task,
	};
	XLA_FFI_Error *error = frame->api->XLA_FFI_ThreadPool_Schedule(&args);
	if (error == NULL) return 1;
	XLA_FFI_Error_Destroy_Args destroy = {.struct_size = XLA_FFI_Error_Destroy_Args_STRUCT_SIZE, .error = error};
	frame->api->XLA_FFI_Error_Destroy(&destroy);
	return 0;
}

static XLA_FFI_Error *fail(const XLA_FFI_CallFrame *frame, const char *message) {
	XLA_FFI_Error_Create_Args args = {
	    .struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE,
	    .message = message,
	    .errc = XLA_FFI_Error_Code_INTERNAL,
	};
	return frame->api->XLA_FFI_Error_Create(&args);
}

// buffer reads a map or a kernel. It returns 0 unless it is of float32 with four axes.
static float *buffer(const XLA_FFI_Buffer *b, int64_t dims[4]) {
	if (b->dtype != XLA_FFI_DataType_F32 || b->rank != 4) return NULL;
	memcpy(dims, b->dims, 4 * sizeof *dims);
	return b->data;
}

static XLA_FFI_Error *convolve(XLA_FFI_CallFrame *frame) {
	// XLA asks for the handler's version when it is registered.
	if (frame->extension_start != NULL && frame->extension_start->type == XLA_FFI_Extension_Metadata) {
		XLA_FFI_Metadata *metadata = ((XLA_FFI_Metadata_Extension *)frame->extension_start)->metadata;
		metadata->api_version.major_version = XLA_FFI_API_MAJOR;
		metadata->api_version.minor_version = XLA_FFI_API_MINOR;
		return NULL;
	}
	if (frame->stage != XLA_FFI_ExecutionStage_EXECUTE) return NULL;
	if (frame->args.size != 2 || frame->rets.size != 1 || frame->attrs.size != 1 || frame->attrs.types[0] != XLA_FFI_AttrType_ARRAY)
		return fail(frame, "a convolution needs two operands, a result and its geometry");
	const XLA_FFI_Array *geometry = frame->attrs.attrs[0];
	if (geometry->dtype != XLA_FFI_DataType_S64) return fail(frame, "the geometry of a convolution is of int64");
	skinattn_convolution call = {.geometry = geometry->data, .numbers = geometry->size, .frame = frame};
	call.operands[0] = buffer(frame->args.args[0], call.dims[0]);
	call.operands[1] = buffer(frame->args.args[1], call.dims[1]);
	call.result = buffer(frame->rets.rets[0], call.dims[2]);
	if (call.operands[0] == NULL || call.operands[1] == NULL || call.result == NULL)
		return fail(frame, "the operands of a convolution are of float32 with four axes");
	char *wrong = skinattnConvolve(&call);
	if (wrong == NULL) return NULL;
	XLA_FFI_Error *error = fail(frame, wrong);
	free(wrong);
	return error;
}

const char *skinattn_ffi_register(const PJRT_Api *api, const char *name) {
	const PJRT_Extension_Base *extension = api->extension_start;
	while (extension != NULL && extension->type != PJRT_Extension_Type_FFI) extension = extension->next;
	if (extension == NULL || extension->struct_size < sizeof(PJRT_FFI)) return "the plug-in calls no functions of its user's";
	static const char platform[] = "Host";
	PJRT_FFI_Register_Handler_Args args = {
	    .struct_size = sizeof args,
	    .target_name = name,
	    .target_name_size = strlen(name),
	    .handler = (void *)convolve,
	    .platform_name = platform,
	    .platform_name_size = sizeof platform - 1,
	};
	PJRT_Error *error = ((const PJRT_FFI *)extension)->register_handler(&args);
	if (error == NULL) return NULL;
	static char message[500];
	PJRT_Error_Message_Args text = {.struct_size = PJRT_Error_Message_Args_STRUCT_SIZE, .error = error};
	api->PJRT_Error_Message(&text);
	size_t size = text.message_size < sizeof message - 1 ? text.message_size : sizeof message - 1;
	memcpy(message, text.message, size);
	message[size] = 0;
	PJRT_Error_Destroy_Args destroy = {.struct_size = PJRT_Error_Destroy_Args_STRUCT_SIZE, .error = error};
	api->PJRT_Error_Destroy(&destroy);
	return message;
}
