#pragma once

// Native objects behind JavaScript objects. Such an object ends with its owner or the environment.
// It has no static state, so any number of environments may load the addon.

#include <napi.h>

#include <cstddef>
#include <initializer_list>
#include <new>

#include "addon/status_error.h"

namespace shmwire::addon {

// The first base of each class that JavaScript sees, and so at the address that Node-API stores.
// Its tag detects a method that is called on an object of another class, which some runtimes allow.
// Node-API's own check of a type tag takes longer than most methods.
class Tagged {
 public:
  virtual ~Tagged() = default;

  const napi_type_tag* tag = nullptr;
};

// Base of a class T that JavaScript sees. T has a kTypeTag and `bool Initialize(const
// Napi::CallbackInfo&)`, which throws and returns false on failure.
template <typename T>
class Wrapped : public Tagged, public Napi::ObjectWrap<T> {
 public:
  using Napi::ObjectWrap<T>::ObjectWrap;

  // Each method calls it instead of the library's function, which returns every object as a T.
  static T* Unwrap(Napi::Object receiver) {
    void* data = nullptr;
    if (napi_unwrap(receiver.Env(), receiver, &data) == napi_ok &&
        static_cast<Tagged*>(data)->tag == &T::kTypeTag) {
      return static_cast<T*>(data);
    }
    ThrowArgument(receiver.Env(), "the method was called on an object of another class");
    return nullptr;
  }

  // The T of an argument. Null, with a TypeError, for every other value.
  static T* Read(Napi::Value value, const char* expectation) {
    bool is_tagged = false;
    void* data = nullptr;
    // Other addons wrap objects too; only Node-API's type tag distinguishes them.
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

  // Replaces the library's DefineClass, whose constructor ends the process when memory is short,
  // and leaks an object that could not be wrapped. Empty, with an exception, on failure.
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
    // Only a wrapped object is deleted by the collector.
    if (object->IsEmpty()) {
      delete object;
      return nullptr;
    }
    if (!object->Initialize(call) ||
        napi_type_tag_object(env, call.This(), &T::kTypeTag) != napi_ok) {
      return nullptr;
    }
    // Without the tag, every method throws.
    object->tag = &T::kTypeTag;
    return call.This();
  }
};

// The arguments and the object of one call of a bound method (DefineBoundMethod). It does not
// unwrap the receiver, which would be half the cost of a short call.
template <typename T, size_t kArguments>
struct BoundCall {
  BoundCall(napi_env env, napi_callback_info info) {
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, nullptr, &data) == napi_ok) {
      self = static_cast<T*>(data);
    }
  }

  T* self = nullptr;  // null: the environment is ending
  size_t count = kArguments;
  napi_value arguments[kArguments > 0 ? kArguments : 1];
};

// Defines a method on `receiver`, which wraps `object`. The method ignores the receiver of its
// calls. False, with an exception, on failure.
bool DefineBoundMethod(Napi::Object receiver, const char* name, napi_callback callback,
                       void* object);

// A property that JavaScript can neither change nor delete. False, with an exception, on failure.
bool DefineConstant(Napi::Object object, const char* name, napi_value value);

}  // namespace shmwire::addon
