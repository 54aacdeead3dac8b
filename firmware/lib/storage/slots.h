// Slots: two parts of non-volatile memory, each erased as a whole. One class per board.
#pragma once

#include <cstdint>

#include "span.h"

namespace vigil {

class Slots {
  public:
    // Reads from the start of slot 0 or 1. A board without memory reads ones, and ignores the rest.
    virtual void read(unsigned slot, Span<std::uint32_t> words) const = 0;
    // Sets every bit of a slot.
    virtual void erase(unsigned slot) = 0;
    // Writes from the start of an erased slot, in order. Writing only clears bits.
    virtual void write(unsigned slot, Span<const std::uint32_t> words) = 0;

  protected:
    ~Slots() = default;
};

// Slots that are erased piece by piece, so that a board erases them while it samples.
class SteppedSlots : public Slots {
  public:
    // Erases a piece of a slot, and stops the processor for at most 2 ms. True: that was the last
    // piece. A slot is erased from its first piece again after erase(), write() or the last piece.
    virtual bool erase_step(unsigned slot) = 0;

  protected:
    ~SteppedSlots() = default;
};

}  // namespace vigil
