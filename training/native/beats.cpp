// Python's view of the segmenter of heartbeats.
#include "beats.h"

#include <utility>

#include "arrays.h"

namespace vigil::native {
namespace {

class BeatSegmenter {
  public:
    BeatSegmenter(std::uint32_t window, std::uint32_t before, std::uint32_t hop,
                  std::uint32_t channels, std::uint32_t lead, const vigil::QrsConfig& qrs)
        : config_(checked({window, before, hop, channels, lead, qrs})),
          window_(std::size_t{window} * channels),
          ring_(vigil::beat_ring(config_) * channels),
          samples_(vigil::qrs_short_ring(qrs)),
          averaged_(vigil::qrs_long_ring(qrs)),
          smooth_(averaged_.size()),
          band_(smooth_.size()),
          slope_(smooth_.size()),
          segmenter_(config_, {span(window_),
                               span(ring_),
                               {span(samples_), span(averaged_), span(smooth_), span(band_),
                                span(slope_)}}) {}
    BeatSegmenter(const BeatSegmenter&) = delete;

    py::dict push(std::uint64_t first_frame, const py::array& frames) {
        const Counts counts = exactly<std::int16_t>(frames, "frames", "int16");
        require(counts.ndim() == 2 && counts.shape(1) == static_cast<py::ssize_t>(config_.channels),
                "frames must have the shape [n, " + std::to_string(config_.channels) + "]");
        Collector collector(segmenter_);
        segmenter_.push(first_frame, {counts.data(), static_cast<std::size_t>(counts.size())},
                        collector);
        const auto count = static_cast<py::ssize_t>(collector.slots.size());
        Counts windows({count, static_cast<py::ssize_t>(config_.window),
                        static_cast<py::ssize_t>(config_.channels)});
        std::copy(collector.counts.begin(), collector.counts.end(), windows.mutable_data());
        py::dict result;
        result["slots"] = Indices(count, collector.slots.data());
        result["peaks"] = Indices(count, collector.peaks.data());
        result["intervals"] =
            py::array_t<std::uint32_t, py::array::c_style>(count, collector.intervals.data());
        result["windows"] = windows;
        result["lost"] = collector.lost_ranges;
        return result;
    }

    void restart(std::uint64_t frame) { segmenter_.restart(frame); }
    std::uint64_t next_frame() const { return segmenter_.next_frame(); }
    std::uint64_t next_window() const { return segmenter_.next_window(); }
    std::uint32_t span_of_slot() const { return vigil::beat_span(config_); }

  private:
    struct Collector final : vigil::BeatSegmenter::Sink {
        explicit Collector(const vigil::BeatSegmenter& from) : segmenter(from) {}

        void window(std::uint64_t index, vigil::Span<const std::int16_t> frames) override {
            slots.push_back(index);
            peaks.push_back(segmenter.mark().frame);
            intervals.push_back(segmenter.mark().interval);
            counts.insert(counts.end(), frames.begin(), frames.end());
        }
        void lost(std::uint64_t first, std::uint64_t count) override {
            if (!segmenter.without_beat()) lost_ranges.emplace_back(first, count);
        }

        const vigil::BeatSegmenter& segmenter;
        std::vector<std::uint64_t> slots;
        std::vector<std::uint64_t> peaks;
        std::vector<std::uint32_t> intervals;
        std::vector<std::int16_t> counts;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_ranges;
    };

    template <typename T>
    static vigil::Span<T> span(std::vector<T>& values) {
        return {values.data(), values.size()};
    }

    static vigil::BeatConfig checked(const vigil::BeatConfig& config) {
        require(config.channels >= 1 && config.lead < config.channels,
                "channels must be 1 or more, and lead one of them");
        require(config.before < config.window, "before must be less than window");
        require(vigil::is_valid(config), "the lengths of the segmenter do not fit together");
        return config;
    }

    vigil::BeatConfig config_;
    std::vector<std::int16_t> window_;
    std::vector<std::int16_t> ring_;
    std::vector<std::int32_t> samples_;
    std::vector<std::int32_t> averaged_;
    std::vector<std::int32_t> smooth_;
    std::vector<std::int32_t> band_;
    std::vector<std::int32_t> slope_;
    vigil::BeatSegmenter segmenter_;
};

}  // namespace

void bind_beats(py::module_& module) {
    using Length = std::uint16_t;
    py::class_<vigil::QrsConfig>(module, "QrsConfig",
                                 "Lengths of the QRS detector, in samples (docs/bundle.md, Beats).")
        .def(py::init([](Length smooth, Length baseline, Length slope, Length energy, Length settle,
                         Length hold, Length refractory, Length t_wave, Length search_from,
                         Length reach, Length edge, Length latency, Length learn) {
                 return vigil::QrsConfig{smooth, baseline,   slope,  energy,      settle,
                                         hold,   refractory, t_wave, search_from, reach,
                                         edge,   latency,    learn};
             }),
             "smooth"_a, "baseline"_a, "slope"_a, "energy"_a, "settle"_a, "hold"_a, "refractory"_a,
             "t_wave"_a, "search_from"_a, "reach"_a, "edge"_a, "latency"_a, "learn"_a);

    py::class_<BeatSegmenter>(module, "BeatSegmenter", "A stream of frames to heartbeats.")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t,
                      const vigil::QrsConfig&>(),
             "window"_a, "before"_a, "hop"_a, "channels"_a, "lead"_a, "qrs"_a)
        .def("push", &BeatSegmenter::push, "first_frame"_a, "frames"_a,
             "Take int16 [n, channels], the first at absolute index first_frame. Returns of the "
             "beats now reported: slots, uint64 [k]; peaks (frames of R), uint64 [k]; intervals "
             "(frames since the R before, or 0), uint32 [k]; windows, int16 [k, window, "
             "channels]; and lost, a list of (first, count) of slots lost to gaps.")
        .def("restart", &BeatSegmenter::restart, "frame"_a, "Forget everything; expect `frame`.")
        .def_property_readonly("next_frame", &BeatSegmenter::next_frame)
        .def_property_readonly("next_window", &BeatSegmenter::next_window)
        .def_property_readonly("span", &BeatSegmenter::span_of_slot,
                               "Frames from the first of a slot until the slot is reported.");
}

}  // namespace vigil::native
