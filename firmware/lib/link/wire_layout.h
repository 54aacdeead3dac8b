// A message's fields to and from a payload, little-endian and never past its end.
//
// One routine each way walks a message by its layout, a byte per field that the compiler makes
// from the message's own fields(); so no message costs code of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "span.h"

namespace vigil::link {

constexpr std::size_t kMaxText = 31;  // bytes of UTF-8 in a text field

// Per field: its alignment in memory times 16, plus its size; a text or the rest of the payload
// have codes of their own. 0 ends.
using LayoutCode = std::uint8_t;
constexpr LayoutCode kTextField = 0x01;  // Span<const char>: one byte of length, then the text
constexpr LayoutCode kRestField = 0x02;  // Span<const std::uint8_t>: all that is left
constexpr std::size_t kMaxFields = 23;

struct Layout {
    LayoutCode codes[kMaxFields + 1] = {};
    std::size_t count = 0;

    template <typename Field>
    constexpr void operator()(const Field&) {
        static_assert(sizeof(Field) <= 8 && alignof(Field) <= 8, "not a field of the link");
        codes[count++] = static_cast<LayoutCode>(alignof(Field) << 4 | sizeof(Field));
    }
    constexpr void operator()(const Span<const char>&) { codes[count++] = kTextField; }
    constexpr void operator()(const Span<const std::uint8_t>&) { codes[count++] = kRestField; }
};

template <typename Message>
constexpr Layout make_layout() {
    Layout layout;
    Message message;
    Message::fields(layout, message);
    return layout;
}

// Only as long as it must be: a board keeps it in flash.
template <typename Message>
struct LayoutOf {
    static constexpr std::size_t kCount = make_layout<Message>().count;
    struct Codes {
        LayoutCode codes[kCount + 1] = {};
    };
    static constexpr Codes make() {
        Codes codes;
        const Layout layout = make_layout<Message>();
        for (std::size_t i = 0; i < kCount; ++i) codes.codes[i] = layout.codes[i];
        return codes;
    }
    static constexpr Codes kCodes = make();
};

// Writes the fields of `message`, which has this layout. Returns the number of bytes, or SIZE_MAX
// when they do not fit. Texts are cut at kMaxText.
std::size_t write_fields(const LayoutCode* layout, const void* message, Span<std::uint8_t> payload);

// Reads them. Returns the number of bytes read, or SIZE_MAX when the payload is too short or a
// text too long; some fields have been set by then. Spans point into the payload.
std::size_t read_fields(const LayoutCode* layout, void* message, Span<const std::uint8_t> payload);

}  // namespace vigil::link
