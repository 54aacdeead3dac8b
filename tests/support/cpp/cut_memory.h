// A memory of two slots that dies at a given operation: a piece of an erase or the writing of one
// word. The operation of the cut has any effect in between: bits of a word written or not, words of
// an erase old, erased, or neither.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "slots.h"
#include "span.h"

class CutMemory final : public vigil::SteppedSlots {
  public:
    CutMemory(std::mt19937& random_word, std::size_t words) : random_word(random_word) {
        for (auto& slot : slots_) slot.assign(words, 0xFFFFFFFFU);
    }
    // The power fails in the operation number `operation` from now on; 0: never.
    void cut_at(long operation) { left_ = operation; }
    bool is_dead() const { return dead_; }
    void power_up() { dead_ = false, left_ = 0; }
    long operations() const { return operations_; }

    void read(unsigned slot, vigil::Span<std::uint32_t> words) const override {
        for (std::size_t i = 0; i < words.size(); ++i) words[i] = slots_[slot].at(i);
    }
    void erase(unsigned slot) override { erase(slot, 0, slots_[slot].size()); }
    bool erase_step(unsigned slot) override {  // in two pieces
        const std::size_t half = slots_[slot].size() / 2;
        second_ = !second_;
        erase(slot, second_ ? 0 : half, second_ ? half : slots_[slot].size());
        return !second_;
    }
    void write(unsigned slot, vigil::Span<const std::uint32_t> words) override {
        for (std::size_t i = 0; i < words.size(); ++i) {
            if (!begin()) return;
            std::uint32_t cleared = ~words[i];
            if (dead_) {
                const unsigned how = random_word() % 4;
                cleared &= how == 0 ? 0 : how == 1 ? ~0U : static_cast<unsigned>(random_word());
            }
            slots_[slot].at(i) &= ~cleared;
        }
    }

  private:
    void erase(unsigned slot, std::size_t from, std::size_t to) {
        if (!begin()) return;
        const unsigned how = random_word() % 4;  // 0: no word is reached, 1: all are erased
        for (std::size_t i = from; i < to; ++i) {
            std::uint32_t& word = slots_[slot][i];
            if (!dead_ || how == 1) {
                word = 0xFFFFFFFFU;
            } else if (how == 2) {
                word |= static_cast<std::uint32_t>(random_word());
            } else if (how == 3 && random_word() % 2 == 0) {
                word = 0xFFFFFFFFU;
            }
        }
    }
    // False when the power is off. In the operation of the cut, true and dead_.
    bool begin() {
        if (dead_) return false;
        ++operations_;
        if (left_ > 0 && --left_ == 0) dead_ = true;
        return true;
    }

    std::mt19937& random_word;
    std::vector<std::uint32_t> slots_[2];
    bool second_ = false;  // the second piece of an erase is next
    long left_ = 0;
    long operations_ = 0;
    bool dead_ = false;
};
