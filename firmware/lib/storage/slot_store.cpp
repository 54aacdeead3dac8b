#include "slot_store.h"

#include "crc32.h"

namespace vigil {

std::uint32_t SlotStore::computed_crc() const {
    return link::crc32(0, {reinterpret_cast<const std::uint8_t*>(record_.data()),
                           (record_.size() - 1) * sizeof(std::uint32_t)});
}

// Whether a slot holds a valid record, which record_ then holds too.
bool SlotStore::read(unsigned slot) {
    slots_.read(slot, record_);
    return record_[0] == version_ && crc() == computed_crc();
}

bool SlotStore::load() {
    for (unsigned slot = 0; slot < 2; ++slot) {
        // A difference, because sequence numbers may wrap.
        if (read(slot) && (newest_ == 2 || static_cast<std::int32_t>(record_[1] - sequence_) > 0)) {
            newest_ = slot;
            sequence_ = record_[1];
        }
    }
    return newest_ != 2 && read(newest_);
}

bool SlotStore::save() {
    const unsigned slot = next();
    const std::uint32_t sequence = sequence_ + 1;
    record_[0] = version_;
    record_[1] = sequence;
    crc() = computed_crc();
    slots_.write(slot, record_);
    if (!read(slot) || record_[1] != sequence) return false;
    newest_ = slot;
    sequence_ = sequence;
    return true;
}

}  // namespace vigil
