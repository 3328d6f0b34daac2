#pragma once

#include <node_api.h>

namespace shmwire::addon {

// False while the environment ends.
inline bool CanRunJavaScript(napi_env env) {
  napi_value global = nullptr;
  bool ignored = false;
  return napi_get_global(env, &global) == napi_ok &&
         napi_has_named_property(env, global, "Object", &ignored) == napi_ok;
}

}  // namespace shmwire::addon
