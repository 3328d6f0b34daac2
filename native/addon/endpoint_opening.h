#pragma once

// Methods of NativeEndpoint: how an endpoint gets its peer, and how it shows both memories.

#include <node_api.h>

namespace shmwire::addon {

napi_value OfferHandles(napi_env env, napi_callback_info info);
napi_value AcceptHandles(napi_env env, napi_callback_info info);
napi_value AttachPeer(napi_env env, napi_callback_info info);
napi_value LendBell(napi_env env, napi_callback_info info);
napi_value OwnMemory(napi_env env, napi_callback_info info);
napi_value PeerMemory(napi_env env, napi_callback_info info);
napi_value CopyFromPeer(napi_env env, napi_callback_info info);

}  // namespace shmwire::addon
