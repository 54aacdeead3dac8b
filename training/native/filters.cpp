// Python's view of the filters of a stream: rate conversion and biquads.
#include <utility>

#include "arrays.h"
#include "biquad.h"
#include "resample.h"

namespace vigil::native {
namespace {

template <typename T>
vigil::Span<T> span(std::vector<T>& values) {
    return {values.data(), values.size()};
}

Counts frames_of_counts(const py::array& frames, std::size_t channels) {
    Counts counts = exactly<std::int16_t>(frames, "frames", "int16");
    require(counts.ndim() == 2 && counts.shape(1) == static_cast<py::ssize_t>(channels),
            "frames must have the shape [n, " + std::to_string(channels) + "]");
    return counts;
}

class Resampler {
  public:
    Resampler(std::uint32_t up, std::uint32_t down, std::uint32_t taps, std::uint32_t channels,
              std::vector<std::int16_t> filter)
        : filter_(checked(up, down, taps, channels, std::move(filter))),
          ring_(std::size_t{2} * taps * channels),
          out_(channels),
          resampler_({up, down, taps, channels, {filter_.data(), filter_.size()}}, span(ring_),
                     span(out_)) {}
    Resampler(const Resampler&) = delete;

    Counts push(const py::array& frames) {
        const Counts counts = frames_of_counts(frames, out_.size());
        Collector collector;
        resampler_.push({counts.data(), static_cast<std::size_t>(counts.size())}, collector);
        const auto channels = static_cast<py::ssize_t>(out_.size());
        Counts result({static_cast<py::ssize_t>(collector.counts.size()) / channels, channels});
        std::copy(collector.counts.begin(), collector.counts.end(), result.mutable_data());
        return result;
    }
    void restart(std::uint64_t frame) { resampler_.restart(frame); }

  private:
    struct Collector final : vigil::Resampler::Sink {
        std::vector<std::int16_t> counts;

        void frame(std::uint64_t, vigil::Span<const std::int16_t> frame) override {
            counts.insert(counts.end(), frame.begin(), frame.end());
        }
    };

    static std::vector<std::int16_t> checked(std::uint32_t up, std::uint32_t down,
                                             std::uint32_t taps, std::uint32_t channels,
                                             std::vector<std::int16_t> filter) {
        require(up >= 1 && down >= 1 && taps >= 2 && taps % 2 == 0 && channels >= 1,
                "up, down and channels must be 1 or more, and taps even");
        require(filter.size() == std::size_t{up} * taps, "filter must have up * taps coefficients");
        for (std::size_t phase = 0; phase < up; ++phase) {
            std::int32_t sum = 0;
            for (std::size_t k = 0; k < taps; ++k) sum += std::abs(filter[phase * taps + k]);
            require(sum < 65000, "the coefficients of a phase are too large");
        }
        return filter;
    }

    std::vector<std::int16_t> filter_;
    std::vector<std::int16_t> ring_;
    std::vector<std::int16_t> out_;
    vigil::Resampler resampler_;
};

class BiquadFilter {
  public:
    BiquadFilter(const std::vector<std::vector<std::int32_t>>& sections, std::size_t channels)
        : sections_(checked(sections)),
          channels_(channels),
          states_(vigil::biquad_states(sections.size(), channels)),
          filter_({sections_.data(), sections_.size()}, channels, span(states_)) {}
    BiquadFilter(const BiquadFilter&) = delete;

    Counts push(const py::array& frames) {
        const Counts counts = frames_of_counts(frames, channels_);
        Counts result({counts.shape(0), counts.shape(1)});
        for (py::ssize_t i = 0; i < counts.size(); i += static_cast<py::ssize_t>(channels_)) {
            filter_(counts.data() + i, result.mutable_data() + i);
        }
        return result;
    }
    void restart() { filter_.restart(); }

  private:
    static std::vector<vigil::BiquadSection> checked(
        const std::vector<std::vector<std::int32_t>>& sections) {
        std::vector<vigil::BiquadSection> result;
        for (const std::vector<std::int32_t>& s : sections) {
            require(s.size() == 5, "a section must have five coefficients: b0 b1 b2 a1 a2");
            for (const std::int32_t c : s) {
                require(std::abs(std::int64_t{c}) <= 1 << 29, "coefficients must lie in -2..2");
            }
            require((std::int64_t{1} << 28) + s[3] + s[4] > 0, "the section is not stable");
            result.push_back({s[0], s[1], s[2], s[3], s[4]});
        }
        return result;
    }

    std::vector<vigil::BiquadSection> sections_;
    std::size_t channels_;
    std::vector<vigil::BiquadState> states_;
    vigil::BiquadFilter filter_;
};

}  // namespace

void bind_filters(py::module_& module) {
    py::class_<Resampler>(module, "Resampler", "Frames at one rate to frames at another.")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t,
                      std::vector<std::int16_t>>(),
             "up"_a, "down"_a, "taps"_a, "channels"_a, "filter"_a)
        .def("push", &Resampler::push, "frames"_a,
             "Take int16 [n, channels]; return the frames now computed, int16 [k, channels].")
        .def("restart", &Resampler::restart, "frame"_a, "Forget everything; expect `frame`.");

    py::class_<BiquadFilter>(module, "BiquadFilter", "A cascade of biquads (docs/bundle.md).")
        .def(py::init<const std::vector<std::vector<std::int32_t>>&, std::size_t>(), "sections"_a,
             "channels"_a)
        .def("push", &BiquadFilter::push, "frames"_a,
             "Take int16 [n, channels]; return them filtered, int16 [n, channels].")
        .def("restart", &BiquadFilter::restart, "The next frame begins a new signal.");
}

}  // namespace vigil::native
