// A reader whose writer writes anything: records, padding, growth steps, tails and single bytes,
// before, between and after the reader's calls. Oracle: the reference reader (checked_reader.h).
// Pages that the reader has not accepted are not readable.

#include "fuzz/checked_reader.h"
#include "fuzz/input.h"

namespace shmwire::fuzz {
namespace {

// Bounds the time of a run, however long the input is.
constexpr int kStepsMax = 96;

constexpr uint64_t kMessageBytesMax[] = {40, 1000, kInlineMax, 20'000, kMessageBytesMost};

void ForgeWord(ForgedPeer* peer, Input* input) {
  ControlBlock* control = peer->control();
  const auto value = input->Take<uint32_t>();
  control->state.StoreRelaxed(value);
  control->head.StoreRelaxed(uint64_t{value} << 4);
}

void ForgeBytes(ForgedPeer* peer, Input* input) {
  const uint64_t back = input->Take<uint16_t>();
  const auto bytes = input->Take<std::array<std::byte, 8>>();
  peer->Write(peer->tail() + peer->capacity() - back, bytes.data(), 1 + input->Below(bytes.size()));
}

// Appends whole records until the next one is near the end of the ring.
void NearTheEnd(ForgedPeer* peer, Input* input) {
  const uint64_t distance = kRecordAlignment * (1 + input->Below(512));
  while (peer->left() > distance) {
    const uint64_t span = std::min(peer->left() - distance, RecordSpan(peer->inline_max()));
    peer->AppendHonest(1, kFlagsWhole, 0, static_cast<uint32_t>(span - kRecordHeaderBytes));
  }
  peer->Publish();
}

void PeerStep(uint8_t step, ForgedPeer* peer, Input* input) {
  switch (step) {
    case 0:
      peer->AppendHonest(1, kFlagsWhole, input->Byte(), static_cast<uint32_t>(input->Below(80)));
      break;
    case 1:
      peer->AppendHonest(input->Take<uint16_t>(), kFlagsWhole, 1,
                         static_cast<uint32_t>(input->Below(peer->inline_max() + 1)));
      break;
    case 2:
      peer->AppendForged(input);
      break;
    case 3:
      peer->AppendPad();
      break;
    case 4:
      ForgeBytes(peer, input);
      break;
    case 5:
      peer->ForgeTail(input);
      break;
    case 6:
      ForgeWord(peer, input);
      break;
    default:
      NearTheEnd(peer, input);
      break;
  }
  if (step < 4) peer->Publish();
}

void GrowthOfPeer(uint8_t step, ForgedPeer* peer, Input* input) {
  if (step < 2) {
    LetPagesExist(step == 0);
    return;
  }
  peer->AppendGrowth(input);
  if (step < 6) peer->Publish();
}

void ReaderStep(uint8_t step, CheckedReader* reader, Input* input) {
  switch (step) {
    case 0:
      reader->Poll();
      reader->Receive(-1, 0, kDescriptorsMost);
      break;
    case 1: {
      reader->Poll();
      const auto bytes = static_cast<int64_t>(input->Below(kRingBytes));
      const uint64_t offset =
          input->Below(std::min<uint64_t>(static_cast<uint64_t>(bytes), 255) + 1);
      reader->Receive(bytes, offset, static_cast<uint32_t>(input->Below(kDescriptorsMost + 1)));
      break;
    }
    case 2:
      reader->Poll();
      break;
    case 3:
      reader->Receive(input->Byte(), 0, static_cast<uint32_t>(input->Below(8)));
      break;
    case 4:
      reader->Assemble(0);
      break;
    case 5:
      reader->Assemble(static_cast<int8_t>(input->Byte()));
      break;
    case 6:
      reader->Freeze();
      break;
    default:
      reader->Release();
      break;
  }
}

void Run(Input input) {
  static ReaderMemory memories[] = {ReaderMemory(kRingSizes[0]), ReaderMemory(kRingSizes[1]),
                                    ReaderMemory(kRingSizes[2])};
  static ForgedPeer peers[] = {ForgedPeer(&memories[0].peer), ForgedPeer(&memories[1].peer),
                               ForgedPeer(&memories[2].peer)};
  const uint8_t first = input.Byte();
  const size_t which = first / std::size(kMessageBytesMax) % std::size(kRingSizes);
  ForgedPeer& peer = peers[which];
  peer.Reset();
  CheckedReader reader(&memories[which], kMessageBytesMax[first % std::size(kMessageBytesMax)]);
  for (int step = 0; step < kStepsMax && !input.empty(); step++) {
    const uint8_t choice = input.Byte();
    if ((choice & 0xF8) == 0xF0) {
      GrowthOfPeer(choice & 7, &peer, &input);
    } else if ((choice & 8) == 0) {
      PeerStep(choice & 7, &peer, &input);
    } else {
      ReaderStep(choice & 7, &reader, &input);
    }
  }
  reader.CheckOwnMemory();
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
