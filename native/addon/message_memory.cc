#include "addon/message_memory.h"

#include <memory>
#include <new>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "core/block_pool.h"

namespace shmwire::addon {
namespace {

// The pool of one environment. It is deleted after the end of the environment and the return of the
// last block, because the order of these two is not specified.
struct MessageMemory {
  BlockPool pool;
  bool is_refused = false;  // the runtime allows no buffer over memory of an addon
  bool has_ended = false;
};

MessageMemory* MemoryOf(napi_env env) {
  void* memory = nullptr;
  return napi_get_instance_data(env, &memory) == napi_ok ? static_cast<MessageMemory*>(memory)
                                                         : nullptr;
}

void DeleteIfUnused(MessageMemory* memory) {
  if (memory->has_ended && memory->pool.used_bytes() == 0) delete memory;
}

void EndEnvironment(napi_env /*env*/, void* data, void* /*hint*/) {
  auto* memory = static_cast<MessageMemory*>(data);
  memory->has_ended = true;
  DeleteIfUnused(memory);
}

// A block that is the memory of an ArrayBuffer.
struct TakenBlock {
  MessageMemory* memory;
  Block* block;
};

// The memory of an ArrayBuffer has no user any more, in whatever thread.
void ReturnBlock(napi_env env, void* /*data*/, void* hint) {
  const std::unique_ptr<TakenBlock> taken(static_cast<TakenBlock*>(hint));
  // An ending environment also finalizes memory that another thread got and still uses.
  if (taken->memory->has_ended || !CanRunJavaScript(env)) {
    taken->memory->pool.Abandon(taken->block);
  } else {
    taken->memory->pool.Release(taken->block);
  }
  DeleteIfUnused(taken->memory);
}

// V8 counts the memory of a new ArrayBuffer at once, but only when it allocates such memory itself
// it checks whether the young ones have enough for a short collection of them. Without this
// allocation it would collect the whole heap, every 30 to 60 MB.
bool LetCollectorCheck(napi_env env) {
  void* ignored_data = nullptr;
  napi_value ignored = nullptr;
  return napi_create_arraybuffer(env, 1, &ignored_data, &ignored) == napi_ok;
}

napi_value TakeMemory(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  uint64_t bytes = 0;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok ||
      !ReadInteger(env, argument, "bytes", 1, kSafeIntegerMax, &bytes)) {
    return nullptr;
  }
  MessageMemory* memory = MemoryOf(env);
  if (memory == nullptr || memory->is_refused || !LetCollectorCheck(env)) return nullptr;
  Block* block = memory->pool.Take(bytes);
  if (block == nullptr) return nullptr;
  auto* taken = new (std::nothrow) TakenBlock{.memory = memory, .block = block};
  if (taken == nullptr) {
    memory->pool.Discard(block);
    return nullptr;
  }
  napi_value buffer = nullptr;
  const napi_status made =
      napi_create_external_arraybuffer(env, block->data, bytes, ReturnBlock, taken, &buffer);
  if (made == napi_no_external_buffers_allowed) {
    memory->is_refused = true;
    memory->pool.Discard(block);
    delete taken;
  }
  // After any other failure, the runtime may still call ReturnBlock.
  return made == napi_ok ? buffer : nullptr;
}

napi_value TrimMemory(napi_env env, napi_callback_info /*info*/) {
  MessageMemory* memory = MemoryOf(env);
  napi_value result = nullptr;
  napi_get_boolean(env, memory != nullptr && memory->pool.Trim(), &result);
  return result;
}

}  // namespace

void DefineMessageMemory(Napi::Env env, Napi::Object exports) {
  auto* memory = new (std::nothrow) MessageMemory();
  // Without a pool, JavaScript allocates the memory.
  if (memory != nullptr &&
      napi_set_instance_data(env, memory, EndEnvironment, nullptr) != napi_ok) {
    delete memory;
  }
  napi_value function = nullptr;
  napi_create_function(env, "takeMemory", NAPI_AUTO_LENGTH, TakeMemory, nullptr, &function);
  exports.Set("takeMemory", function);
  napi_create_function(env, "trimMemory", NAPI_AUTO_LENGTH, TrimMemory, nullptr, &function);
  exports.Set("trimMemory", function);
}

}  // namespace shmwire::addon
