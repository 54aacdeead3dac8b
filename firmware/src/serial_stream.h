// The board's serial port as the link's byte stream; reading and writing never block. Where the
// program reads too late, USB holds the host off: no byte is lost.
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
        while (got < bytes.size() && Serial.available() > 0) {
            bytes[got++] = static_cast<std::uint8_t>(Serial.read());
        }
        return got;
    }

    std::size_t write(Span<const std::uint8_t> bytes) override {
#if defined(ARDUINO_ARCH_MBED)
        // USBSerial::write() waits for the host and hides failed sends; send_nb() takes what fits
        // the packet being filled, and returns that size. A packet of full length (64 bytes) would
        // tell the host that more follows, and an empty packet is never sent.
        constexpr std::size_t kMost = 63;
        const std::size_t offered = bytes.size() < kMost ? bytes.size() : kMost;
        std::uint32_t taken = 0;
        _SerialUSB.send_nb(const_cast<std::uint8_t*>(bytes.data()),
                           static_cast<std::uint32_t>(offered), &taken, true);
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

    // Waits until all bytes are sent.
    void flush() {
#if defined(ARDUINO_ARCH_MBED)
        delay(20);  // USB sends by interrupt meanwhile; this core's flush() does nothing
#else
        Serial.flush();
#endif
    }
};

}  // namespace vigil
