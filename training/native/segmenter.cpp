// Python's view of the segmenter.
#include "segmenter.h"

#include <utility>

#include "arrays.h"

namespace vigil::native {
namespace {

class Segmenter {
  public:
    Segmenter(std::uint32_t window, std::uint32_t hop, std::uint32_t channels)
        : buffer_(checked(window, hop, channels)),
          window_(window),
          channels_(channels),
          segmenter_({window, hop, channels}, {buffer_.data(), buffer_.size()}) {}
    Segmenter(const Segmenter&) = delete;

    py::tuple push(std::uint64_t first_frame, const py::array& frames) {
        const Counts counts = exactly<std::int16_t>(frames, "frames", "int16");
        require(counts.ndim() == 2 && counts.shape(1) == static_cast<py::ssize_t>(channels_),
                "frames must have the shape [n, " + std::to_string(channels_) + "]");
        Collector collector;
        segmenter_.push(first_frame, {counts.data(), static_cast<std::size_t>(counts.size())},
                        collector);
        const auto count = static_cast<py::ssize_t>(collector.indices.size());
        Counts windows(
            {count, static_cast<py::ssize_t>(window_), static_cast<py::ssize_t>(channels_)});
        std::copy(collector.frames.begin(), collector.frames.end(), windows.mutable_data());
        return py::make_tuple(Indices(count, collector.indices.data()), windows,
                              collector.lost_ranges);
    }

    void restart(std::uint64_t frame) { segmenter_.restart(frame); }
    std::uint64_t next_frame() const { return segmenter_.next_frame(); }
    std::uint64_t next_window() const { return segmenter_.next_window(); }

  private:
    struct Collector final : vigil::Segmenter::Sink {
        std::vector<std::uint64_t> indices;
        std::vector<std::int16_t> frames;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_ranges;

        void window(std::uint64_t index, vigil::Span<const std::int16_t> counts) override {
            indices.push_back(index);
            frames.insert(frames.end(), counts.begin(), counts.end());
        }
        void lost(std::uint64_t first, std::uint64_t count) override {
            lost_ranges.emplace_back(first, count);
        }
    };

    static std::size_t checked(std::uint32_t window, std::uint32_t hop, std::uint32_t channels) {
        constexpr std::uint32_t kMost = 1U << 30;
        require(window >= 1 && hop >= 1 && channels >= 1 && window <= kMost && hop <= kMost,
                "window and hop must be 1 to 2^30, channels 1 or more");
        return std::size_t{window} * channels;
    }

    std::vector<std::int16_t> buffer_;
    std::uint32_t window_;
    std::uint32_t channels_;
    vigil::Segmenter segmenter_;
};

}  // namespace

void bind_segmenter(py::module_& module) {
    py::class_<Segmenter>(module, "Segmenter", "A stream of frames to windows.")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t>(), "window"_a, "hop"_a,
             "channels"_a)
        .def("push", &Segmenter::push, "first_frame"_a, "frames"_a,
             "Take int16 [n, channels], the first at absolute index first_frame. Returns the "
             "indices (uint64 [k]) and counts (int16 [k, window, channels]) of the windows now "
             "whole, and a list of (first, count) of windows lost to gaps.")
        .def("restart", &Segmenter::restart, "frame"_a, "Forget everything; expect `frame`.")
        .def_property_readonly("next_frame", &Segmenter::next_frame)
        .def_property_readonly("next_window", &Segmenter::next_window);
}

}  // namespace vigil::native
