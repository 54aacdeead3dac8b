// The board's serial port as the link's byte stream, and for text. Neither waits for a host that
// does not read. Where the program reads too late, USB holds the host off: no byte is lost.
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

#include <cstring>

#include "board.h"
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
        // The core of the SAM D21 returns -1, as an unsigned number, if the host does not read.
        const std::size_t taken = Serial.write(bytes.data(), count);
        return taken <= count ? taken : 0;
#endif
    }

    // Whether a terminal or a host has opened the port. Serial's own operator waits: 10 ms on a
    // SAM D21, too long where loop() reads the sensor, and 1 ms on Mbed.
    static bool is_connected() {
#if defined(ARDUINO_ARCH_SAMD)
        return Serial.dtr();
#elif defined(ARDUINO_ARCH_MBED) && defined(VIGIL_GENERIC_BOARD)
        return _SerialUSB.connected();
#else
        return static_cast<bool>(Serial);  // on the Nano, which sleeps meanwhile
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

// Text that is sent from loop(), as much at a time as the port takes: Serial.print() may wait for
// the port, for a UART as long as the text takes, and on Mbed without limit if the host does not
// read.
template <std::size_t kBytes>
class SerialText final : public Print {
  public:
    using Print::write;
    std::size_t write(std::uint8_t byte) override { return write(&byte, 1); }
    // Keeps the text; drops what does not fit.
    std::size_t write(const std::uint8_t* bytes, std::size_t size) override {
        const std::size_t room = sizeof text_ - size_;
        const std::size_t kept = size < room ? size : room;
        std::memcpy(text_ + size_, bytes, kept);
        size_ += kept;
        return kept;
    }

    void send(SerialStream& port) {
        if (at_ < size_) at_ += port.write({text_ + at_, size_ - at_});
    }
    void clear() { size_ = at_ = 0; }

  private:
    std::uint8_t text_[kBytes];
    std::size_t size_ = 0;
    std::size_t at_ = 0;  // the bytes before it have been sent
};

}  // namespace vigil
