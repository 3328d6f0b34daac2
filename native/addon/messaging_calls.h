#pragma once

// Calls that the classes of topics and cells share, and the indices of their results.

#include <napi.h>

#include <cstdint>

#include "core/reader_attachment.h"
#include "core/writer_attachment.h"

namespace shmwire::addon {

// Indices in NativeAttachedReaders.results.
inline constexpr uint32_t kWriterResultWakes = 0;
inline constexpr uint32_t kWriterResultUnwoken = 1;
inline constexpr uint32_t kWriterResultViolator = 2;
inline constexpr uint32_t kWriterResultCount = 3;

// Indices in NativeAttachingReader.results.
inline constexpr uint32_t kReaderResultSequence = 0;
inline constexpr uint32_t kReaderResultVersion = 1;
inline constexpr uint32_t kReaderResultLost = 2;
inline constexpr uint32_t kReaderResultRequired = 3;
inline constexpr uint32_t kReaderResultClosed = 4;
inline constexpr uint32_t kReaderResultPreempted = 5;
inline constexpr uint32_t kReaderResultWriterWaits = 6;
inline constexpr uint32_t kReaderResultBehind = 7;
inline constexpr uint32_t kReaderResultCount = 8;

// NativeAttachingReader.offer, attach and transferDoorbell.
Napi::Value OfferReader(const Napi::CallbackInfo& info, ReaderAttachment* reader);
void AttachReader(const Napi::CallbackInfo& info, ReaderAttachment* reader);
Napi::Value TransferDoorbellOf(const Napi::CallbackInfo& info, ReaderAttachment* reader);

// The index of a reader, an argument. False, with an exception, if it is not one.
bool ReadReaderIndex(const Napi::CallbackInfo& info, uint32_t* reader);
// Adds to the results of a writer.
void ReportWakes(const WakeCounts& counts, double* results);
// A number, or an exception if the status is not ok.
Napi::Value NumberUnlessFailed(Napi::Env env, Status status, double number);
Napi::Value BooleanUnlessFailed(Napi::Env env, Status status, bool boolean);

// For calls in plain Node-API.
napi_value MakeNumber(napi_env env, double number);
napi_value MakeBoolean(napi_env env, bool boolean);

// Defines the array `results` of `count` numbers. Null, with an exception, on failure.
double* DefineResults(Napi::Object receiver, uint32_t count);

}  // namespace shmwire::addon
