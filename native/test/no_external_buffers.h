#pragma once

// Replaces the call of Node-API that Electron refuses. `build-addon.mjs --no-external-buffers`
// includes this file before every source. Sources of the core are compiled without the headers of
// Node.
#if __has_include(<node_api.h>)
#include <node_api.h>

inline napi_status RefuseExternalBuffer(napi_env /*env*/, void* /*data*/, size_t /*bytes*/,
                                        napi_finalize /*finalize*/, void* /*hint*/,
                                        napi_value* /*result*/) {
  return napi_no_external_buffers_allowed;
}

#define napi_create_external_arraybuffer RefuseExternalBuffer
#endif
