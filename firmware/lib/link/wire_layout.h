// Encodes and decodes messages, little-endian and never past the end of a payload.
//
// One routine per direction walks a message by its layout: one byte per field, which the compiler
// derives from the message's fields(). So a message adds no code of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "span.h"

namespace vigil::link {

constexpr std::size_t kMaxText = 31;  // bytes of UTF-8 in a text field

// Per field: its alignment in memory times 16, plus its size. Texts and arrays have codes of their
// own. 0 ends the layout.
using LayoutCode = std::uint8_t;
constexpr LayoutCode kTextField = 0x01;  // Span<const char>: one byte of length, then the text
constexpr LayoutCode kRestField = 0x02;  // Span<const std::uint8_t>: the rest of the payload
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

// The layout of a message, of minimal length because it is kept in flash.
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
    static constexpr std::size_t fixed_size() {
        std::size_t size = 0;
        const Layout layout = make_layout<Message>();
        for (std::size_t i = 0; i < kCount; ++i) {
            if (layout.codes[i] >> 4 != 0) size += layout.codes[i] & 15U;
        }
        return size;
    }
    static constexpr Codes kCodes = make();
    // Bytes on the wire before texts and arrays.
    static constexpr std::size_t kFixedSize = fixed_size();
};

// Writes the fields of `message`, which has this layout. Returns the number of bytes, or SIZE_MAX
// when they do not fit. Texts are truncated to kMaxText.
std::size_t write_fields(const LayoutCode* layout, const void* message, Span<std::uint8_t> payload);

// Reads the fields. Returns the number of bytes read, or SIZE_MAX when the payload is too short or
// a text too long; some fields may be set then. Spans point into the payload.
std::size_t read_fields(const LayoutCode* layout, void* message, Span<const std::uint8_t> payload);

// Decodes a payload. False when it is too short, or longer than the message can be.
template <typename Message>
bool decode(Span<const std::uint8_t> payload, Message& message) {
    static_assert(std::is_trivially_copyable_v<Message> && std::is_standard_layout_v<Message>);
    const std::size_t size = read_fields(LayoutOf<Message>::kCodes.codes, &message, payload);
    return Message::kMayGrow ? size <= payload.size() : size == payload.size();
}

// Encodes a payload. Returns the bytes written; more than payload.size() when they do not fit.
template <typename Message>
std::size_t encode(const Message& message, Span<std::uint8_t> payload) {
    static_assert(std::is_trivially_copyable_v<Message> && std::is_standard_layout_v<Message>);
    return write_fields(LayoutOf<Message>::kCodes.codes, &message, payload);
}

}  // namespace vigil::link
