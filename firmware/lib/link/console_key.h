// Console keys: one letter alone on a line, active while no host is connected.
#pragma once

#include <cstdint>

namespace vigil::link {

class ConsoleKeyReader {
  public:
    // Takes one received byte. Returns the key when `byte` ends a line that holds only that
    // letter, else 0.
    char push(std::uint8_t byte) {
        if (byte == '\r' || byte == '\n') {
            const char key = length_ == 1 ? key_ : '\0';
            length_ = 0;
            return key;
        }
        if (byte == 0) {  // the end of a frame
            length_ = 0;
            return '\0';
        }
        key_ = static_cast<char>(byte);
        const bool printable = byte > ' ' && byte < 0x7F;
        length_ = printable && length_ == 0 ? 1 : 2;
        return '\0';
    }

    void clear() { length_ = 0; }

  private:
    char key_ = '\0';
    std::uint8_t length_ = 0;  // of the line so far; 2: not a single letter
};

}  // namespace vigil::link
