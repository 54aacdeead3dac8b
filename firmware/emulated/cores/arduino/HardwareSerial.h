// The serial port: the UART of uart.h, connected to a pseudo-terminal on the host.
#pragma once

#include "Print.h"

class Stream : public Print {
  public:
    virtual int available() = 0;
    virtual int read() = 0;
    virtual int peek() = 0;

    void setTimeout(unsigned long milliseconds) { timeout_ = milliseconds; }
    unsigned long getTimeout() const { return timeout_; }

    // Reads up to `count` bytes, waiting at most the timeout for each; returns their number.
    size_t readBytes(uint8_t* bytes, size_t count);
    size_t readBytes(char* bytes, size_t count) {
        return readBytes(reinterpret_cast<uint8_t*>(bytes), count);
    }

  protected:
    ~Stream() = default;

  private:
    unsigned long timeout_ = 1000;
};

class HardwareSerial final : public Stream {
  public:
    // The rate is ignored.
    void begin(unsigned long rate);
    void end();

    int available() override;
    int read() override;
    int peek() override;

    using Print::write;
    size_t write(uint8_t byte) override { return write(&byte, 1); }

    // Writes the bytes that the host reads; returns their number. If the host has not read for a
    // tenth of a second, this and all later output is dropped until it reads again, so that the
    // board never hangs.
    size_t write(const uint8_t* bytes, size_t count) override;
    int availableForWrite() override;
    void flush() override;

    operator bool() const { return begun_; }

  private:
    bool begun_ = false;
    bool stalled_ = false;
};

extern HardwareSerial Serial;
