// The part of an Arduino core that firmware/src/serial_stream.h calls, with a host that may stop
// reading. Each operator bool() of Serial counts as a wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

struct Host {
    bool opened = true;
    bool reads = true;
    std::size_t taken = 0;  // bytes
    unsigned waits = 0;
    unsigned long milliseconds = 0;
};
inline Host host;

// Time passes while a program asks for it.
inline unsigned long millis() {
    return host.milliseconds++;
}
inline void delay(unsigned long milliseconds) {
    host.milliseconds += milliseconds;
}

class Print {
  public:
    virtual std::size_t write(std::uint8_t byte) = 0;
    virtual std::size_t write(const std::uint8_t* bytes, std::size_t size) = 0;
    std::size_t print(const char* text) {
        return write(reinterpret_cast<const std::uint8_t*>(text), std::strlen(text));
    }

  protected:
    ~Print() = default;
};

// As the core of the SAM D21: always room, and -1 from a host that does not read.
struct FakeSerial {
    int available() { return 0; }
    int read() { return -1; }
    int availableForWrite() { return 63; }
    std::size_t write(const std::uint8_t*, std::size_t size) {
        if (!host.reads) return static_cast<std::size_t>(-1);
        host.taken += size;
        return size;
    }
    void flush() {}
    bool dtr() { return host.opened; }
    explicit operator bool() {
        ++host.waits;
        return host.opened;
    }
};
inline FakeSerial Serial;
