// A view of contiguous elements, like std::span of C++20: the boards' cores build as C++17.
#pragma once

#include <cstddef>
#include <type_traits>

namespace vigil {

template <typename T>
class Span {
  public:
    constexpr Span() = default;
    constexpr Span(T* data, std::size_t size) : data_(data), size_(size) {}
    template <std::size_t N>
    constexpr Span(T (&array)[N]) : data_(array), size_(N) {}
    // Converts Span<T> to Span<const T>. C++14's library, for exports to Arduino's Mbed boards.
    template <typename U, typename = std::enable_if_t<std::is_same<const U, T>::value>>
    constexpr Span(Span<U> other) : data_(other.data()), size_(other.size()) {}

    constexpr T* data() const { return data_; }
    constexpr std::size_t size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr T& operator[](std::size_t i) const { return data_[i]; }
    constexpr T* begin() const { return data_; }
    constexpr T* end() const { return data_ + size_; }
    // The caller keeps first + count <= size().
    constexpr Span slice(std::size_t first, std::size_t count) const {
        return Span(data_ + first, count);
    }

  private:
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace vigil
