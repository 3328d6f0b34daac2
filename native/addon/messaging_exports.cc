#include "addon/messaging_exports.h"

#include "addon/broadcast_reader_class.h"
#include "addon/broadcast_writer_class.h"
#include "addon/cell_reader_class.h"
#include "addon/cell_writer_class.h"
#include "addon/constant.h"
#include "addon/messaging_calls.h"

namespace shmwire::addon {
namespace {

constexpr Constant kConstants[] = {
    {"READERS_MAX", AttachedReaders::kReadersMax},
    {"BROADCAST_DESCRIPTOR_WORDS", kBroadcastDescriptorWords},
    {"SEEK_NEXT", static_cast<double>(SeekStart::kNext)},
    {"SEEK_LAST", static_cast<double>(SeekStart::kLast)},
    {"SEEK_OLDEST", static_cast<double>(SeekStart::kOldest)},
    {"SEEK_SEQUENCE", static_cast<double>(SeekStart::kSequence)},
    {"WRITER_RESULT_WAKES", kWriterResultWakes},
    {"WRITER_RESULT_UNWOKEN", kWriterResultUnwoken},
    {"WRITER_RESULT_VIOLATOR", kWriterResultViolator},
    {"READER_RESULT_SEQUENCE", kReaderResultSequence},
    {"READER_RESULT_VERSION", kReaderResultVersion},
    {"READER_RESULT_LOST", kReaderResultLost},
    {"READER_RESULT_REQUIRED", kReaderResultRequired},
    {"READER_RESULT_CLOSED", kReaderResultClosed},
    {"READER_RESULT_PREEMPTED", kReaderResultPreempted},
    {"READER_RESULT_WRITER_WAITS", kReaderResultWriterWaits},
    {"READER_RESULT_BEHIND", kReaderResultBehind},
};

}  // namespace

// As the module's initialization: there is nothing to undo after a failure.
void DefineMessagingExports(Napi::Env env, Napi::Object exports) {
  DefineConstants(exports, kConstants);
  exports.Set("BroadcastWriter", BroadcastWriterObject::Define(env));
  exports.Set("BroadcastReader", BroadcastReaderObject::Define(env));
  exports.Set("CellWriter", CellWriterObject::Define(env));
  exports.Set("CellReader", CellReaderObject::Define(env));
}

}  // namespace shmwire::addon
