#pragma once

// Native objects behind JavaScript's. Each belongs to its JavaScript object and dies with it, or
// with the environment; nothing else holds it, and nothing here is static, so any number of
// environments may load the addon.

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "addon/status_error.h"

namespace shmwire::addon {

enum class WrappedKind : uint32_t { kEndpoint, kHandleInbox, kBell };

// First base of every wrapped class, so that one object's method called on another is noticed. Each
// class has a method Release(env), which gives its references up before it is deleted.
struct Wrapped {
  WrappedKind kind;
};

// The arguments of one call and the object it was made on. `T` is a class with T::kKind.
template <typename T, size_t kArguments>
struct Call {
  Call(napi_env env, napi_callback_info info) {
    size_t count = kArguments;  // missing arguments are filled with undefined
    napi_value receiver;
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, &receiver, nullptr) != napi_ok) return;
    if (napi_unwrap(env, receiver, &data) == napi_ok && data != nullptr &&
        static_cast<Wrapped*>(data)->kind == T::kKind) {
      self = static_cast<T*>(static_cast<Wrapped*>(data));
    } else {
      ThrowArgument(env, "the method was called on another object");
    }
  }

  T* self = nullptr;  // null: an exception is pending
  napi_value arguments[kArguments > 0 ? kArguments : 1];
};

// The same for a bound method (DefineBoundMethod): without the look-up of the receiver, which is
// half the price of a short call.
template <typename T, size_t kArguments>
struct BoundCall {
  BoundCall(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) == napi_ok) {
      self = static_cast<T*>(static_cast<Wrapped*>(data));
    }
  }

  T* self = nullptr;  // null: an exception is pending
  size_t count = kArguments;
  napi_value arguments[kArguments > 0 ? kArguments : 1];
};

// Ties `object` to the JavaScript object and marks it as a T. Null, and deleted, when that fails.
template <typename T>
T* Wrap(napi_env env, napi_value receiver, T* object) {
  const auto finalize = [](napi_env finalizing_env, void* data, void*) {
    const std::unique_ptr<T> wrapped(static_cast<T*>(static_cast<Wrapped*>(data)));
    wrapped->Release(finalizing_env);
  };
  if (napi_wrap(env, receiver, static_cast<Wrapped*>(object), finalize, nullptr, nullptr) !=
      napi_ok) {
    delete object;
    return nullptr;
  }
  // From here on the collector deletes it, whatever comes.
  return napi_type_tag_object(env, receiver, &T::kTypeTag) == napi_ok ? object : nullptr;
}

// The T behind an argument, or null, and a TypeError.
template <typename T>
T* ReadWrapped(napi_env env, napi_value value, const char* expectation) {
  bool is_tagged = false;
  void* data = nullptr;
  // Other addons wrap objects too; only the tag tells them apart.
  if (napi_check_object_type_tag(env, value, &T::kTypeTag, &is_tagged) == napi_ok && is_tagged &&
      napi_unwrap(env, value, &data) == napi_ok) {
    return static_cast<T*>(static_cast<Wrapped*>(data));
  }
  ThrowArgument(env, expectation);
  return nullptr;
}

// Gives `receiver`, which wraps `object`, a method of its own that needs no receiver. False, and an
// exception, on failure.
bool DefineBoundMethod(napi_env env, napi_value receiver, const char* name, napi_callback callback,
                       Wrapped* object);

// A property that JavaScript can neither change nor delete. False, and an exception, on failure.
bool DefineConstant(napi_env env, napi_value object, const char* name, napi_value value);

// The receiver of a constructor's call and its arguments. False, and a TypeError, without `new`.
bool ReadConstructorCall(napi_env env, napi_callback_info info, napi_value* receiver,
                         napi_value* argument);

// Null for JavaScript's undefined, or the exception of the status.
inline napi_value ReturnNothing(napi_env env, Status status) {
  return status.ok() ? nullptr : ThrowStatus(env, status);
}

napi_value ReturnBoolean(napi_env env, Status status, bool value);
napi_value ReturnNumber(napi_env env, double value);

}  // namespace shmwire::addon
