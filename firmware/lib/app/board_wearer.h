// The wearer on a board: what it has learned outlives a power cut, and the host can correct it.
//
// The memory is written when the wearer is learned, when the host accepts a window or asks for a
// new wearer, and once in kSaveBeats after that. A page of flash lasts 10,000 erases (nRF52840) and
// two slots take turns: at 24 saves a day that is two years of wearing it day and night.
#pragma once

#include <cstdint>

#include "messages.h"
#include "slot_store.h"
#include "slots.h"
#include "span.h"
#include "wearer.h"

namespace vigil {

class BoardWearer {
  public:
    static constexpr std::uint32_t kSaveBeats = 4096;  // about an hour
    static constexpr std::size_t kHeader = 3;          // words of a record before the wearer's

    // `record`: words of the wearer, kHeader and SlotStore::kOverhead.
    BoardWearer(const std::uint8_t (&model)[8], Wearer& wearer, SteppedSlots& slots,
                Span<std::uint32_t> record)
        : model_(model), wearer_(wearer), slots_(slots), store_(slots, kVersion, record) {}

    // Reads what the memory holds.
    void begin();

    // A stream begins or continues at `sample`. `stream`: its number, or 0 for the board's own
    // sensor. The wearer stays if the stream continues, and on the own sensor.
    void stream_began(std::uint32_t stream, std::uint64_t sample);

    // The wearer has judged a window, or learned from it.
    void took_window();

    // Writes the memory, if it is due: a call erases a piece of it, or writes the record.
    void poll();

    // Forgets the wearer, also in memory. `number`: of the host's message; 0: a console key.
    void renew(std::uint32_t number);

    // False: the host asked for something impossible.
    bool request(const link::WearerRequest& message);

    // Fills all fields but `action` and `answered`.
    void describe(link::WearerReport& message) const;

    // Whether phase or memory have changed since the last call.
    bool take_changed();

  private:
    static constexpr std::uint32_t kVersion = 0x57454101;  // "WEA", layout 1

    void save_soon();
    void remember(link::WearerStorage memory);

    const std::uint8_t (&model_)[8];
    Wearer& wearer_;
    SteppedSlots& slots_;
    SlotStore store_;
    link::WearerStorage memory_ = link::WearerStorage::none;
    bool due_ = false;
    bool learned_ = false;
    bool changed_ = false;
    bool refused_ = false;
    std::uint32_t stream_ = 0;
    std::uint32_t number_ = 0;
    std::uint32_t since_ = 0;  // beats since the last save
};

}  // namespace vigil
