// Text on a byte stream, as in ArduinoCore-API.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

class Print {
  public:
    virtual size_t write(uint8_t byte) = 0;
    virtual size_t write(const uint8_t* bytes, size_t count) = 0;
    virtual int availableForWrite() { return 0; }
    virtual void flush() {}

    size_t write(const char* text) { return text == nullptr ? 0 : write(text, strlen(text)); }
    size_t write(const char* bytes, size_t count) {
        return write(reinterpret_cast<const uint8_t*>(bytes), count);
    }

    size_t print(const char* text) { return write(text); }
    size_t print(char character) { return write(static_cast<uint8_t>(character)); }
    size_t print(unsigned char value, int base = 10);
    size_t print(int value, int base = 10);
    size_t print(unsigned int value, int base = 10);
    size_t print(long value, int base = 10);
    size_t print(unsigned long value, int base = 10);
    size_t print(long long value, int base = 10);
    size_t print(unsigned long long value, int base = 10);
    size_t print(double value, int digits = 2);

    size_t println() { return write("\r\n"); }
    template <typename T>
    size_t println(T value) {
        const size_t count = print(value);
        return count + println();
    }
    template <typename T>
    size_t println(T value, int format) {
        const size_t count = print(value, format);
        return count + println();
    }

  protected:
    ~Print() = default;
};
