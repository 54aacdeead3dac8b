// SlotStore: a record that survives a power cut at any write.
//
// The newest record lies in one of two slots. save() writes the other slot, so a cut costs at most
// the record being written. In a slot, in words: version, sequence number, payload, CRC-32 of all
// words before it. load() takes the valid record with the higher sequence number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "slots.h"
#include "span.h"

namespace vigil {

class SlotStore {
  public:
    static constexpr std::size_t kOverhead = 3;  // words of a record besides its payload

    // `version` names the layout of the payload; records of another version do not count.
    // `record` is the store's working memory: kOverhead words more than the payload has. A slot
    // must be at least as large.
    SlotStore(Slots& slots, std::uint32_t version, Span<std::uint32_t> record)
        : slots_(slots), version_(version), record_(record) {}

    // Reads the newest record into payload(). False if there is none.
    bool load();

    // The payload that load() has read, or that save() will write.
    Span<std::uint32_t> payload() const {
        return record_.slice(kOverhead - 1, record_.size() - kOverhead);
    }

    // Erases the slot that save() will write. save() does this too if need be, but an erase may
    // stop the processor for long (85 ms on the nRF52840), and the caller may know a better time.
    void prepare();

    // Writes payload() and reads it back. False if the memory did not keep it; the record before
    // is then still the newest, and payload() is undefined.
    bool save();

  private:
    bool read(unsigned slot);
    std::uint32_t crc() const;
    unsigned next() const { return newest_ == 0 ? 1 : 0; }

    Slots& slots_;
    std::uint32_t version_;
    Span<std::uint32_t> record_;
    unsigned newest_ = 2;  // slot of the newest record; 2: there is none
    std::uint32_t sequence_ = 0;
    bool erased_ = false;  // next() was erased and not written since
};

}  // namespace vigil
