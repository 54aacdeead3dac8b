#include "plot_line.h"

#include <cstdint>

namespace vigil {
namespace {

constexpr float kLargest = 4.0e9F;  // larger values are shown as this
constexpr int kLeastDecimals = 4;
constexpr int kMostDecimals = 9;

// Appends to a buffer, which must be large enough.
struct Text {
    Span<char> out;
    std::size_t size = 0;

    void add(char c) { out[size++] = c; }
    void add(const char* words) {
        while (*words != '\0') add(*words++);
    }
    void add(std::uint32_t value, int digits) {
        char reversed[10];
        int count = 0;
        do {
            reversed[count++] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0 || count < digits);
        while (count > 0) add(reversed[--count]);
    }
    // Four decimals, and more for small values: a score may be 0.00001.
    void add(float value) {
        if (!(value == value)) return add("nan");
        if (value < 0) {
            add('-');
            value = -value;
        }
        if (value > kLargest) value = kLargest;
        auto whole = static_cast<std::uint32_t>(value);
        const float rest = value - static_cast<float>(whole);
        int decimals = kLeastDecimals;
        std::uint32_t power = 10'000;
        while (whole == 0 && decimals < kMostDecimals && rest * static_cast<float>(power) < 1000) {
            ++decimals;
            power *= 10;
        }
        auto part = static_cast<std::uint32_t>(rest * static_cast<float>(power) + 0.5F);
        if (part >= power) {
            ++whole;
            part -= power;
        }
        add(whole, 1);
        add('.');
        add(part, decimals);
    }
};

}  // namespace

std::size_t plot_line(PlotStyle style, float score, float threshold, bool flag, Span<char> out) {
    if (style == PlotStyle::none) return 0;
    const bool teleplot = style == PlotStyle::teleplot;
    const char* const next = teleplot ? "\r\n>" : ",";
    Text text{out};
    text.add(teleplot ? ">score:" : "score:");
    text.add(score);
    text.add(next);
    text.add("threshold:");
    text.add(threshold);
    text.add(next);
    text.add("flag:");
    text.add(flag ? '1' : '0');
    text.add("\r\n");
    return text.size;
}

}  // namespace vigil
