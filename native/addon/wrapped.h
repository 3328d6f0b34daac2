#pragma once

// Native objects behind JavaScript's. Each belongs to its JavaScript object and dies with it, or
// with the environment; nothing else holds it, and nothing here is static, so any number of
// environments may load the addon.

#include <napi.h>

#include <cstddef>
#include <initializer_list>
#include <new>

#include "addon/status_error.h"

namespace shmwire::addon {

// First base of every class that JavaScript sees, and so at the address that Node-API stores. A
// method called on another class's object finds out here; some runtimes let such calls through.
// Node-API's own check of the type tag takes longer than most of the methods.
class Tagged {
 public:
  virtual ~Tagged() = default;

  const napi_type_tag* tag = nullptr;
};

// Base of a class T that JavaScript sees. T has a kTypeTag and
// `bool Initialize(const Napi::CallbackInfo&)`, which returns false, and throws, on failure.
template <typename T>
class Wrapped : public Tagged, public Napi::ObjectWrap<T> {
 public:
  using Napi::ObjectWrap<T>::ObjectWrap;

  // Hides the library's function, which returns any wrapped object as a T. Every method calls it.
  static T* Unwrap(Napi::Object receiver) {
    void* data = nullptr;
    if (napi_unwrap(receiver.Env(), receiver, &data) == napi_ok &&
        static_cast<Tagged*>(data)->tag == &T::kTypeTag) {
      return static_cast<T*>(data);
    }
    ThrowArgument(receiver.Env(), "the method was called on another object");
    return nullptr;
  }

  // The T behind an argument. Null, and a TypeError, for any other value.
  static T* Read(Napi::Value value, const char* expectation) {
    bool is_tagged = false;
    void* data = nullptr;
    // Other addons wrap objects too; only Node-API's type tag tells them apart.
    if (napi_check_object_type_tag(value.Env(), value, &T::kTypeTag, &is_tagged) == napi_ok &&
        is_tagged && napi_unwrap(value.Env(), value, &data) == napi_ok) {
      return static_cast<T*>(data);
    }
    ThrowArgument(value.Env(), expectation);
    return nullptr;
  }

 protected:
  template <auto kMethod>
  static napi_property_descriptor Method(const char* name) {
    return Napi::ObjectWrap<T>::template InstanceMethod<kMethod>(name, napi_default_method);
  }

  // Not the library's DefineClass: its constructor ends the process when memory is short, and keeps
  // an object that could not be wrapped. Empty, and an exception, on failure.
  static Napi::Function Define(Napi::Env env, const char* name,
                               std::initializer_list<napi_property_descriptor> methods) {
    napi_value constructor = nullptr;
    napi_define_class(env, name, NAPI_AUTO_LENGTH, Construct, nullptr, methods.size(),
                      methods.begin(), &constructor);
    return {env, constructor};
  }

 private:
  static napi_value Construct(napi_env env, napi_callback_info info) {
    const Napi::CallbackInfo call(env, info);
    if (!call.IsConstructCall()) return ThrowArgument(env, "the class must be called with new");
    auto* object = new (std::nothrow) T(call);
    if (object == nullptr) {
      return ThrowStatus(env, Status::Error(StatusCode::kOutOfMemory, "no memory for an object"));
    }
    // Nobody else deletes an object that was not wrapped. The collector deletes any other.
    if (object->IsEmpty()) {
      delete object;
      return nullptr;
    }
    if (!object->Initialize(call) ||
        napi_type_tag_object(env, call.This(), &T::kTypeTag) != napi_ok) {
      return nullptr;
    }
    // Without it no method runs.
    object->tag = &T::kTypeTag;
    return call.This();
  }
};

// The arguments of one call of a bound method (DefineBoundMethod), and its object. It looks the
// receiver up in no table, which is half the cost of a short call.
template <typename T, size_t kArguments>
struct BoundCall {
  BoundCall(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) == napi_ok) {
      self = static_cast<T*>(data);
    }
  }

  T* self = nullptr;  // null: the environment ends
  size_t count = kArguments;
  napi_value arguments[kArguments > 0 ? kArguments : 1];
};

// Gives `receiver`, which wraps `object`, a method of its own that needs no receiver. False, and an
// exception, on failure.
bool DefineBoundMethod(Napi::Object receiver, const char* name, napi_callback callback,
                       void* object);

// A property that JavaScript can neither change nor delete. False, and an exception, on failure.
bool DefineConstant(Napi::Object object, const char* name, napi_value value);

}  // namespace shmwire::addon
