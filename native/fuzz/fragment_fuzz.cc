// Fragmented messages from a peer: each field of each fragment right or wrong, in any order, while
// the memory changes during the assembly. Oracle: the reference reader.

#include "fuzz/checked_reader.h"
#include "fuzz/input.h"

namespace shmwire::fuzz {
namespace {

constexpr int kStepsMax = 128;
// A reader pauses only after it has released a quarter, so it pauses fewer times than this.
constexpr int kTurnsMax = 64;

// The next valid fragment of the message.
struct Plan {
  uint16_t kind = 1;
  uint32_t id = 0;
  uint64_t left = 0;
};

void AppendFragment(ForgedPeer* peer, Plan* plan, bool first, uint8_t wrong, Input* input) {
  const uint64_t prefix = first ? kFragmentTotalBytes : 0;
  const uint64_t most = std::min(plan->left, peer->inline_max() - prefix);
  const uint64_t count = most == 0 ? 0 : 1 + input->Below(most);
  const bool last = count == plan->left;
  RecordHeader header = {
      .length = static_cast<uint32_t>(prefix + count),
      .kind = plan->kind,
      .flags = static_cast<uint16_t>((first ? kFlagFirst : 0) | (last ? kFlagLast : 0)),
      .id = plan->id,
      .sequence = 0};
  if ((wrong & 1) != 0) header.flags ^= 1 + input->Byte() % 7;
  if ((wrong & 2) != 0) header.kind++;
  if ((wrong & 4) != 0) header.id ^= input->Byte();
  if ((wrong & 8) != 0)
    header.length = static_cast<uint32_t>(input->Below(peer->inline_max() + 16));
  if ((wrong & 32) != 0) header.length++;
  if (RecordSpan(header.length) > peer->left()) peer->AppendPad();
  const uint64_t position = peer->tail();
  peer->AppendHonest(header.kind, header.flags, header.id, header.length);
  const std::array<std::byte, 16> payload = {std::byte{input->Byte()}, std::byte{0x5A}};
  peer->Write(position + kRecordHeaderBytes + prefix, payload.data(),
              std::min<uint64_t>(header.length, payload.size()));
  if (first) {
    const uint64_t total = plan->left + ((wrong & 16) != 0 ? input->Take<uint64_t>() : 0);
    peer->Write(position + kRecordHeaderBytes, &total, sizeof(total));
  }
  plan->left -= count;
}

// Reads all data as an endpoint does, into a target of `target_bytes`.
void ReadAll(CheckedReader* reader, int64_t target_bytes) {
  reader->Poll();
  for (int turn = 0; turn < kTurnsMax; turn++) {
    const uint64_t before = reader->messages();
    reader->Receive(target_bytes, 0, 8);
    reader->Assemble(0);
    reader->Release();
    if (reader->messages() == before) break;
  }
}

void Step(ForgedPeer* peer, CheckedReader* reader, Plan* plan, Input* input) {
  const uint8_t choice = input->Byte();
  const uint8_t wrong = (choice & 0x80) != 0 ? input->Byte() : uint8_t{0};
  switch (choice & 7) {
    case 0:
      plan->left = 1 + input->Below((choice & 0x40) != 0 ? kMessageBytesMost : 300);
      plan->kind = 1 + (choice >> 3 & 1);
      plan->id = choice >> 4 & 3;
      AppendFragment(peer, plan, true, wrong, input);
      break;
    case 1:
    case 2:
      AppendFragment(peer, plan, false, wrong, input);
      break;
    case 3:
      if ((choice & 0x40) != 0) {
        peer->AppendGrowth(input);
      } else {
        peer->AppendHonest(1, kFlagsWhole, 0, input->Byte());
      }
      break;
    case 4: {
      const auto bytes = input->Take<std::array<std::byte, 8>>();
      peer->Write(peer->tail() - kRecordAlignment * input->Byte(), bytes.data(), bytes.size());
      break;
    }
    case 5:
      reader->Poll();
      reader->Receive((choice & 0x40) != 0 ? -1 : 512, 0, 8);
      break;
    case 6:
      reader->Assemble((choice & 0x40) != 0 ? static_cast<int8_t>(input->Byte()) : 0);
      reader->Release();
      break;
    default:
      ReadAll(reader, (choice & 0x40) != 0 ? -1 : 4096);
      break;
  }
  if ((choice & 7) < 4 && (choice & 0x20) == 0) peer->Publish();
}

void Run(Input input) {
  static ReaderMemory memories[] = {ReaderMemory(kRingSizes[0]), ReaderMemory(kRingSizes[1]),
                                    ReaderMemory(kRingSizes[2])};
  static ForgedPeer peers[] = {ForgedPeer(&memories[0].peer), ForgedPeer(&memories[1].peer),
                               ForgedPeer(&memories[2].peer)};
  const uint8_t first = input.Byte();
  const size_t which = first / 2 % std::size(kRingSizes);
  ForgedPeer& peer = peers[which];
  peer.Reset();
  CheckedReader reader(&memories[which], (first & 1) != 0 ? kMessageBytesMost : 5000);
  Plan plan;
  for (int step = 0; step < kStepsMax && !input.empty(); step++) {
    Step(&peer, &reader, &plan, &input);
  }
  ReadAll(&reader, 4096);
  reader.CheckOwnMemory();
}

}  // namespace
}  // namespace shmwire::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  shmwire::fuzz::Run(shmwire::fuzz::Input(bytes, count));
  return 0;
}
