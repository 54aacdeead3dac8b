#include "slot_store.h"

#include "crc32.h"

namespace vigil {

std::uint32_t SlotStore::crc() const {
    return link::crc32(0, {reinterpret_cast<const std::uint8_t*>(record_.data()),
                           (record_.size() - 1) * sizeof(std::uint32_t)});
}

// Whether a slot holds a valid record, which record_ then holds too.
bool SlotStore::read(unsigned slot) {
    slots_.read(slot, record_);
    return record_[0] == version_ && record_[record_.size() - 1] == crc();
}

bool SlotStore::load() {
    newest_ = 2;
    if (slots_.words() < record_.size()) return false;
    for (unsigned slot = 0; slot < 2; ++slot) {
        if (!read(slot)) continue;
        // A difference, because sequence numbers may wrap.
        if (newest_ == 2 || static_cast<std::int32_t>(record_[1] - sequence_) > 0) {
            newest_ = slot;
            sequence_ = record_[1];
        }
    }
    return newest_ != 2 && read(newest_);
}

void SlotStore::prepare() {
    if (erased_ || slots_.words() < record_.size()) return;
    slots_.erase(next());
    erased_ = true;
}

bool SlotStore::save() {
    if (slots_.words() < record_.size()) return false;
    const std::uint32_t sequence = sequence_ + 1;
    record_[0] = version_;
    record_[1] = sequence;
    record_[record_.size() - 1] = crc();
    prepare();
    erased_ = false;
    slots_.write(next(), record_);
    if (!read(next()) || record_[1] != sequence) return false;
    newest_ = next();
    sequence_ = sequence;
    return true;
}

}  // namespace vigil
