#include "Print.h"

#include <math.h>

namespace {

// As in ArduinoCore-API, a value of 32 bits is divided in 32 bits, not in 64.
template <typename Unsigned>
size_t print_magnitude(Print& out, Unsigned value, int base, bool negative) {
    if (base < 2 || base > 16) {
        base = 10;
    }
    char text[66];
    char* p = text + sizeof(text);
    do {
        *--p = "0123456789ABCDEF"[value % static_cast<unsigned>(base)];
        value /= static_cast<unsigned>(base);
    } while (value != 0);
    if (negative) {
        *--p = '-';
    }
    return out.write(p, static_cast<size_t>(text + sizeof(text) - p));
}

}  // namespace

size_t Print::print(unsigned char value, int base) {
    return print_magnitude(*this, static_cast<unsigned long>(value), base, false);
}

size_t Print::print(int value, int base) {
    return print(static_cast<long>(value), base);
}

size_t Print::print(unsigned int value, int base) {
    return print_magnitude(*this, static_cast<unsigned long>(value), base, false);
}

// As in ArduinoCore-API: only decimal numbers have a sign, the others show the bits.
size_t Print::print(long value, int base) {
    if (base == 10 && value < 0) {
        return print_magnitude(*this, 0UL - static_cast<unsigned long>(value), 10, true);
    }
    return print_magnitude(*this, static_cast<unsigned long>(value), base, false);
}

size_t Print::print(unsigned long value, int base) {
    return print_magnitude(*this, value, base, false);
}

size_t Print::print(long long value, int base) {
    if (base == 10 && value < 0) {
        return print_magnitude(*this, 0ULL - static_cast<unsigned long long>(value), 10, true);
    }
    return print_magnitude(*this, static_cast<unsigned long long>(value), base, false);
}

size_t Print::print(unsigned long long value, int base) {
    return print_magnitude(*this, value, base, false);
}

size_t Print::print(double value, int digits) {
    if (isnan(value)) {
        return print("nan");
    }
    if (isinf(value)) {
        return print(value < 0 ? "-inf" : "inf");
    }
    if (value > 4294967040.0 || value < -4294967040.0) {
        return print("ovf");
    }
    size_t count = 0;
    if (value < 0) {
        count += print('-');
        value = -value;
    }
    double half = 0.5;
    for (int i = 0; i < digits; ++i) {
        half /= 10;
    }
    value += half;
    const unsigned long whole = static_cast<unsigned long>(value);
    double rest = value - static_cast<double>(whole);
    count += print(whole);
    if (digits > 0) {
        count += print('.');
    }
    for (int i = 0; i < digits; ++i) {
        rest *= 10;
        const unsigned digit = static_cast<unsigned>(rest);
        count += print(digit);
        rest -= digit;
    }
    return count;
}
