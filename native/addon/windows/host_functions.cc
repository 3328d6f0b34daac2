// Finds the functions of Node-API in the program that loads the addon, whatever its name: node.exe,
// Electron, an executable with an embedded Node. An import library would bind them to node.exe.
//
// NAPI_EXTERN declares them as imported, so a call of napi_wrap uses the pointer
// __imp_napi_wrap. The linker reports a function that is missing in this list.

#include "platform/windows/windows_api.h"

// clang-format off
#define SHMWIRE_HOST_FUNCTIONS(FUNCTION) \
  FUNCTION(napi_add_env_cleanup_hook) \
  FUNCTION(napi_async_destroy) \
  FUNCTION(napi_call_function) \
  FUNCTION(napi_call_threadsafe_function) \
  FUNCTION(napi_check_object_type_tag) \
  FUNCTION(napi_close_callback_scope) \
  FUNCTION(napi_close_escapable_handle_scope) \
  FUNCTION(napi_close_handle_scope) \
  FUNCTION(napi_create_arraybuffer) \
  FUNCTION(napi_create_double) \
  FUNCTION(napi_create_error) \
  FUNCTION(napi_create_external_arraybuffer) \
  FUNCTION(napi_create_function) \
  FUNCTION(napi_create_object) \
  FUNCTION(napi_create_reference) \
  FUNCTION(napi_create_string_utf8) \
  FUNCTION(napi_create_threadsafe_function) \
  FUNCTION(napi_create_type_error) \
  FUNCTION(napi_create_uint32) \
  FUNCTION(napi_define_class) \
  FUNCTION(napi_define_properties) \
  FUNCTION(napi_delete_reference) \
  FUNCTION(napi_detach_arraybuffer) \
  FUNCTION(napi_escape_handle) \
  FUNCTION(napi_fatal_error) \
  FUNCTION(napi_get_and_clear_last_exception) \
  FUNCTION(napi_get_boolean) \
  FUNCTION(napi_get_cb_info) \
  FUNCTION(napi_get_global) \
  FUNCTION(napi_get_instance_data) \
  FUNCTION(napi_get_last_error_info) \
  FUNCTION(napi_get_named_property) \
  FUNCTION(napi_get_new_target) \
  FUNCTION(napi_get_property) \
  FUNCTION(napi_get_reference_value) \
  FUNCTION(napi_get_typedarray_info) \
  FUNCTION(napi_get_undefined) \
  FUNCTION(napi_get_value_bool) \
  FUNCTION(napi_get_value_double) \
  FUNCTION(napi_get_value_string_utf8) \
  FUNCTION(napi_has_named_property) \
  FUNCTION(napi_has_property) \
  FUNCTION(napi_is_detached_arraybuffer) \
  FUNCTION(napi_is_exception_pending) \
  FUNCTION(napi_new_instance) \
  FUNCTION(napi_open_escapable_handle_scope) \
  FUNCTION(napi_open_handle_scope) \
  FUNCTION(napi_release_threadsafe_function) \
  FUNCTION(napi_remove_env_cleanup_hook) \
  FUNCTION(napi_remove_wrap) \
  FUNCTION(napi_set_instance_data) \
  FUNCTION(napi_set_named_property) \
  FUNCTION(napi_throw) \
  FUNCTION(napi_type_tag_object) \
  FUNCTION(napi_typeof) \
  FUNCTION(napi_unref_threadsafe_function) \
  FUNCTION(napi_unwrap) \
  FUNCTION(napi_wrap)
// clang-format on

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
extern "C" {
#define DEFINE(name) void* __imp_##name = nullptr;
SHMWIRE_HOST_FUNCTIONS(DEFINE)
#undef DEFINE
}

namespace {

struct HostFunction {
  const char* name;
  void** pointer;
};

constexpr HostFunction kHostFunctions[] = {
#define ENTRY(name) {#name, &__imp_##name},
    SHMWIRE_HOST_FUNCTIONS(ENTRY)
#undef ENTRY
};
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace

// Runs before any other code of the addon. False: the program has no Node-API of version 8, and the
// load fails.
BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void* /*reserved*/) {
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  // Threads of the system's pool may still run code of the addon when the last environment ends.
  HMODULE pinned = nullptr;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     reinterpret_cast<const wchar_t*>(self), &pinned);
  // Node can be a library of the program.
  HMODULE host = GetModuleHandleW(L"libnode.dll");
  if (host == nullptr) host = GetModuleHandleW(nullptr);
  for (const auto& [name, pointer] : kHostFunctions) {
    *pointer = reinterpret_cast<void*>(GetProcAddress(host, name));
    if (*pointer == nullptr) return FALSE;
  }
  return TRUE;
}
