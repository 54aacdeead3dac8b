// The USB port of Arduino's Mbed core, as serial_stream.h calls it: one packet at a time.
#pragma once

#include "Arduino.h"

struct FakeUsb {
    void send_nb(std::uint8_t*, std::uint32_t size, std::uint32_t* taken, bool) {
        *taken = host.reads && host.opened ? size : 0;
        host.taken += *taken;
    }
    bool connected() { return host.opened; }
};
inline FakeUsb _SerialUSB;
