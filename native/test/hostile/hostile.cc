// The native half of the hostile peer in test/hostile: memory and descriptors of any kind, and
// threads that write shared words without end. It does not check its arguments.
// test/support/hostile-native.ts declares its interface.

#include <node_api.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <list>
#include <string>
#include <vector>

#include "test/hostile/descriptors.h"
#include "test/hostile/disturbance.h"
#include "test/hostile/fuse_file.h"
#include "test/hostile/lingering.h"

namespace shmwire::hostile {
namespace {

constexpr size_t kArgumentsMax = 4;

struct Bytes {
  std::byte* data = nullptr;
  size_t count = 0;
};

// The arguments of one call, without checks.
class Call {
 public:
  Call(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kArgumentsMax;
    napi_get_cb_info(env, info, &count, arguments_, nullptr, nullptr);
  }

  [[nodiscard]] int64_t Integer(size_t index) const {
    int64_t value = 0;
    napi_get_value_int64(env_, arguments_[index], &value);
    return value;
  }

  [[nodiscard]] int Descriptor(size_t index) const { return static_cast<int>(Integer(index)); }

  [[nodiscard]] bool Boolean(size_t index) const {
    bool value = false;
    napi_get_value_bool(env_, arguments_[index], &value);
    return value;
  }

  [[nodiscard]] std::string Text(size_t index) const {
    char text[256] = {};
    size_t bytes = 0;
    napi_get_value_string_utf8(env_, arguments_[index], text, sizeof(text), &bytes);
    return {text, bytes};
  }

  // The memory of a typed array.
  [[nodiscard]] Bytes Array(size_t index) const {
    napi_typedarray_type type = napi_uint8_array;
    size_t length = 0;
    void* data = nullptr;
    napi_get_typedarray_info(env_, arguments_[index], &type, &length, &data, nullptr, nullptr);
    const size_t element_bytes = type == napi_biguint64_array ? sizeof(uint64_t) : 1;
    return {static_cast<std::byte*>(data), length * element_bytes};
  }

  [[nodiscard]] std::vector<int> Descriptors(size_t index) const {
    uint32_t count = 0;
    napi_get_array_length(env_, arguments_[index], &count);
    std::vector<int> descriptors;
    for (uint32_t at = 0; at < count; at++) {
      napi_value element = nullptr;
      int32_t descriptor = -1;
      napi_get_element(env_, arguments_[index], at, &element);
      napi_get_value_int32(env_, element, &descriptor);
      descriptors.push_back(descriptor);
    }
    return descriptors;
  }

 private:
  napi_env env_;
  napi_value arguments_[kArgumentsMax] = {};
};

napi_value Number(napi_env env, int64_t value) {
  napi_value result = nullptr;
  napi_create_int64(env, value, &result);
  return result;
}

napi_value ArrayOf(napi_env env, const std::vector<int>& descriptors) {
  napi_value array = nullptr;
  napi_create_array(env, &array);
  for (size_t index = 0; index < descriptors.size(); index++) {
    napi_set_element(env, array, static_cast<uint32_t>(index), Number(env, descriptors[index]));
  }
  return array;
}

// Everything that runs until Stop.
struct UnderWay {
  Disturbances disturbances;
  std::list<FuseFile> files;
};

UnderWay* UnderWayOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<UnderWay*>(data);
}

napi_value MakeMemoryOf(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto bytes = static_cast<uint64_t>(call.Integer(0));
  return Number(env, MakeMemory(bytes, call.Integer(1), call.Boolean(2)));
}

napi_value Map(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto bytes = static_cast<size_t>(call.Integer(1));
  const int protection = PROT_READ | (call.Boolean(2) ? PROT_WRITE : 0);
  void* data = mmap(nullptr, bytes, protection, MAP_SHARED, call.Descriptor(0), 0);
  if (data == MAP_FAILED) {
    napi_throw_error(env, nullptr, "mmap failed");
    return nullptr;
  }
  const auto unmap = [](napi_env, void* start, void* length) {
    munmap(start, reinterpret_cast<size_t>(length));
  };
  napi_value buffer = nullptr;
  napi_create_external_arraybuffer(env, data, bytes, unmap, reinterpret_cast<void*>(bytes),
                                   &buffer);
  return buffer;
}

napi_value Seal(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return Number(env, AddSeals(call.Descriptor(0), call.Descriptor(1)));
}

napi_value Punch(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto offset = static_cast<uint64_t>(call.Integer(1));
  return Number(env, PunchHole(call.Descriptor(0), offset, static_cast<uint64_t>(call.Integer(2))));
}

napi_value Remove(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes pages = call.Array(0);
  return Number(env, RemovePages(pages.data, pages.count));
}

napi_value Pair(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  std::vector<int> ends(2, -1);
  socketpair(AF_UNIX, call.Descriptor(0) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data());
  return ArrayOf(env, ends);
}

napi_value SendOf(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes payload = call.Array(2);
  return Number(env, Send(call.Descriptor(0), call.Text(1), payload.data, payload.count,
                          call.Descriptors(3)));
}

napi_value ReceiveOf(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Received received = Receive(call.Descriptor(0));
  if (!received.any) return nullptr;
  napi_value result = nullptr;
  napi_value payload = nullptr;
  napi_create_object(env, &result);
  napi_create_buffer_copy(env, received.payload.size(), received.payload.data(), nullptr, &payload);
  napi_set_named_property(env, result, "payload", payload);
  napi_set_named_property(env, result, "descriptors", ArrayOf(env, received.descriptors));
  return result;
}

napi_value BindHandoverSocketOf(napi_env env, napi_callback_info info) {
  return Number(env, BindHandoverSocket(Call(env, info).Text(0)));
}

napi_value WriteBytesOf(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const uint64_t taken = WriteBytes(call.Descriptor(0), static_cast<uint64_t>(call.Integer(1)));
  return Number(env, static_cast<int64_t>(taken));
}

napi_value SetBlockingOf(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  SetBlocking(call.Descriptor(0), call.Boolean(1));
  return nullptr;
}

napi_value Cycle(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Bytes word = call.Array(0);
  const Bytes values = call.Array(1);
  const auto* first = reinterpret_cast<const uint64_t*>(values.data);
  UnderWayOf(env)->disturbances.Cycle(word.data, word.count,
                                      {first, first + values.count / sizeof(*first)},
                                      static_cast<uint64_t>(call.Integer(2)));
  return nullptr;
}

napi_value Flood(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  UnderWayOf(env)->disturbances.Flood(call.Array(0).data, call.Array(1).data,
                                      static_cast<uint64_t>(call.Integer(2)));
  return nullptr;
}

napi_value Fuse(napi_env env, napi_callback_info info) {
  return Number(env, UnderWayOf(env)->files.emplace_back().Open(Call(env, info).Text(0)));
}

napi_value Lingering(napi_env env, napi_callback_info info) {
  return ArrayOf(env, MakeLingering(static_cast<int>(Call(env, info).Integer(0))));
}

napi_value Stop(napi_env env, napi_callback_info) {
  UnderWayOf(env)->files.clear();
  return Number(env, static_cast<int64_t>(UnderWayOf(env)->disturbances.Stop()));
}

napi_property_descriptor Function(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

}  // namespace
}  // namespace shmwire::hostile

NAPI_MODULE_INIT() {
  using namespace shmwire::hostile;
  const auto end = [](napi_env, void* data, void*) { delete static_cast<UnderWay*>(data); };
  napi_set_instance_data(env, new UnderWay(), end, nullptr);
  const napi_property_descriptor functions[] = {
      Function("memory", MakeMemoryOf),
      Function("map", Map),
      Function("seal", Seal),
      Function("punch", Punch),
      Function("remove", Remove),
      Function("pair", Pair),
      Function("send", SendOf),
      Function("receive", ReceiveOf),
      Function("bindHandoverSocket", BindHandoverSocketOf),
      Function("ring", WriteBytesOf),
      Function("setBlocking", SetBlockingOf),
      Function("cycle", Cycle),
      Function("flood", Flood),
      Function("fuse", Fuse),
      Function("lingering", Lingering),
      Function("stop", Stop),
  };
  napi_define_properties(env, exports, std::size(functions), functions);
  return exports;
}
