// Letters that a person types while no host is there: one on a line of its own, then Enter.
#pragma once

#include <cstdint>

namespace vigil::link {

class TypedLetter {
  public:
    // The letter when `byte` ends such a line, else 0.
    char push(std::uint8_t byte) {
        if (byte == '\r' || byte == '\n') {
            const char letter = length_ == 1 ? letter_ : '\0';
            length_ = 0;
            return letter;
        }
        if (byte == 0) {  // the end of a frame
            length_ = 0;
            return '\0';
        }
        letter_ = static_cast<char>(byte);
        const bool printable = byte > ' ' && byte < 0x7F;
        length_ = printable && length_ == 0 ? 1 : 2;
        return '\0';
    }

    void clear() { length_ = 0; }

  private:
    char letter_ = '\0';
    std::uint8_t length_ = 0;  // of the line so far; 2: longer than a letter
};

}  // namespace vigil::link
