#include "fuzz/endpoint_peer.h"

#include "fuzz/platform/guarded_memory.h"
#include "fuzz/platform/scripted_process.h"

namespace shmwire::fuzz {
namespace {

// Of a growth: what the peer writes and accepts, and what the system permits.
void PeerGrowth(ForgedPeer* peer, Input* input) {
  const uint8_t how = input->Byte();
  switch (how & 7) {
    case 0:
      LetPagesExist((how & 8) != 0);
      break;
    case 1:
      LetPagesBeAdded((how & 8) != 0);
      break;
    case 2:
      peer->control()->accepted.StoreRelaxed(how >> 3);
      break;
    case 3:
      peer->control()->accepted.StoreRelaxed(1);
      break;
    default:
      peer->AppendGrowth(input);
      peer->Publish();
      break;
  }
}

}  // namespace

void PeerStep(const Endpoint& endpoint, uint64_t message_bytes_max, ForgedPeer* peer,
              Input* input) {
  ControlBlock* control = peer->control();
  const uint8_t step = input->Byte();
  switch (step & 15) {
    case 0:
    case 1:
      peer->AppendHonest(1, kFlagsWhole, 5,
                         static_cast<uint32_t>(input->Below(peer->inline_max() + 1)));
      peer->Publish();
      break;
    case 2: {
      const uint64_t at = peer->tail();
      const uint64_t total = input->Below(message_bytes_max + 8);
      peer->AppendHonest(2, kFlagFirst, 5, 8 + input->Byte());
      if (peer->tail() - at < peer->inline_max()) peer->Write(at + 16, &total, sizeof(total));
      peer->Publish();
      break;
    }
    case 3:
      peer->AppendHonest(2, input->Byte() & 3, 5, input->Take<uint16_t>() & 8191);
      peer->Publish();
      break;
    case 4:
      peer->AppendForged(input);
      peer->Publish();
      break;
    case 5:
      peer->ForgeTail(input);
      break;
    case 6:
    case 7:
      // As if the peer had read everything that was published.
      if (endpoint.own().valid()) {
        control->head.StoreRelaxed(endpoint.own().control()->tail.LoadRelaxed());
      }
      break;
    case 8:
      control->head.StoreRelaxed(control->head.LoadRelaxed() + 16 * int64_t{input->Byte()} - 64);
      break;
    case 9:
      control->head.StoreRelaxed(input->Take<uint64_t>());
      break;
    case 10:
      control->data_wake.StoreRelaxed(input->Take<uint16_t>());
      break;
    case 11:
      control->room_wake.StoreRelaxed(input->Take<uint16_t>());
      break;
    case 12:
      control->wake_sequence.StoreRelaxed(input->Byte());
      break;
    case 13:
      if ((step & 16) != 0) return PeerGrowth(peer, input);
      control->state.StoreRelaxed(input->Byte() & 3);
      break;
    case 14:
      TheScript().hung_up = (step & 16) != 0;
      // Sometimes near this side's clock, mostly not.
      if ((step & 32) != 0) {
        control->wake_sent_at.StoreRelaxed(TheScript().nanos - input->Take<uint16_t>());
        control->woken_at.StoreRelaxed(input->Take<uint64_t>());
      }
      break;
    default: {
      const auto bytes = input->Take<std::array<std::byte, 8>>();
      peer->Write(peer->tail() - 16 * uint64_t{input->Byte()}, bytes.data(), bytes.size());
      break;
    }
  }
}

}  // namespace shmwire::fuzz
