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
    // `record` is the store's working memory: kOverhead words more than the payload has, and no
    // more than a slot has.
    SlotStore(Slots& slots, std::uint32_t version, Span<std::uint32_t> record)
        : slots_(slots), version_(version), record_(record) {}

    // Reads the newest record into payload(). False if there is none. Call it before prepare().
    bool load();

    // The payload that load() has read, or that save() will write.
    std::uint32_t* payload() const { return record_.data() + kOverhead - 1; }

    // Erases the slot that save() will write. Apart, because an erase may stop the processor for
    // long (85 ms on the nRF52840), and the caller knows when that costs no samples.
    void prepare() { slots_.erase(next()); }
    // Returns the slot that save() will write, for a caller that erases it in steps.
    unsigned next() const { return newest_ == 0 ? 1 : 0; }

    // Writes payload() after prepare(), and reads it back. False if the memory did not keep it;
    // the record before is then still the newest, and payload() is undefined.
    bool save();

  private:
    bool read(unsigned slot);
    std::uint32_t& crc() const { return record_[record_.size() - 1]; }
    std::uint32_t computed_crc() const;

    Slots& slots_;
    std::uint32_t version_;
    Span<std::uint32_t> record_;
    std::uint32_t sequence_ = 0;  // of the newest record
    unsigned newest_ = 2;         // its slot; 2: there is none
};

}  // namespace vigil
