// The board's serial port as the link's byte stream; reading and writing never block.
#pragma once

#include <Arduino.h>
#if defined(ARDUINO_ARCH_MBED)
// Serial wraps this core's USB port, and hides send_nb(). The header brings <chrono> in, whose
// abs() and round() Arduino's macros would break.
#pragma push_macro("abs")
#pragma push_macro("round")
#undef abs
#undef round
#include <USB/PluggableUSBSerial.h>
#pragma pop_macro("round")
#pragma pop_macro("abs")
#endif

#include "board_link.h"

namespace vigil {

// Bytes that the serial port buffers until the program reads them: receive_ring of the board's row
// in tools/boards/boards.toml, which firmware/own_code.py passes.
constexpr std::uint16_t kReceiveRing = VIGIL_RECEIVE_RING;

class SerialStream final : public link::Stream {
  public:
    std::size_t read(Span<std::uint8_t> bytes) override {
        std::size_t got = 0;
#if defined(ARDUINO_ARCH_MBED)
        // A full ring may drop bytes, without an error.
        if (Serial.available() >= kReceiveRing) ++times_full_;
#endif
        while (got < bytes.size() && Serial.available() > 0) {
            bytes[got++] = static_cast<std::uint8_t>(Serial.read());
        }
        return got;
    }

    std::size_t write(Span<const std::uint8_t> bytes) override {
#if defined(ARDUINO_ARCH_MBED)
        // USBSerial::write() waits for the host and hides failed sends; send_nb() takes what fits
        // the packet being filled, and returns that size.
        std::uint32_t taken = 0;
        _SerialUSB.send_nb(const_cast<std::uint8_t*>(bytes.data()),
                           static_cast<std::uint32_t>(bytes.size()), &taken, true);
        return taken;
#else
        const int available = Serial.availableForWrite();
        if (available <= 0) return 0;
        const std::size_t count = static_cast<std::size_t>(available) < bytes.size()
                                      ? static_cast<std::size_t>(available)
                                      : bytes.size();
        return Serial.write(bytes.data(), count);
#endif
    }

    // How often read() found the receive ring full, on boards that may lose bytes then.
    std::uint32_t times_full() const { return times_full_; }

  private:
    std::uint32_t times_full_ = 0;
};

}  // namespace vigil
