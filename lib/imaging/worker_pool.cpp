#include "lib/imaging/worker_pool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <span>
#include <utility>

#include "absl/time/time.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/imaging/geometry.h"
#include "lib/imaging/jpeg_header.h"
#include "lib/imaging/text.h"
#include "lib/imaging/worker_process.h"
#include "lib/imaging/worker_wire.h"

namespace proofline::imaging {
namespace {

constexpr std::size_t kMaxReason = 280;
constexpr std::uint64_t kMaxOutputBytes = std::uint64_t{2} << 30;

struct Answer {
  wire::Reply reply;
  std::vector<std::string> outputs;
};

bool MayAnswer(int code) {
  switch (static_cast<absl::StatusCode>(code)) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

// What a worker says is believed only as far as it is consistent: a picture may have taken it over.
absl::StatusOr<Answer> ReadAnswer(const Packet& packet) {
  Answer answer;
  const absl::Status nonsense = absl::InternalError("an answer that makes no sense");
  if (!answer.reply.ParseFromString(packet.bytes)) return nonsense;
  if (!MayAnswer(answer.reply.code())) return nonsense;
  if (answer.reply.code() != 0 && answer.reply.reason().empty()) return nonsense;
  std::uint64_t total = 0;
  for (const wire::Output& output : answer.reply.outputs()) {
    if (output.bytes() > kMaxOutputBytes) return nonsense;
    total += output.bytes();
    if (total > kMaxOutputBytes) return nonsense;
  }
  if (answer.reply.outputs_size() == 0) return answer;
  struct stat about {};
  if (!packet.fd || ::fstat(packet.fd.get(), &about) != 0) return nonsense;
  if (about.st_size < 0 || static_cast<std::uint64_t>(about.st_size) != total) return nonsense;
  // A memory file that nobody can change: reading it neither waits nor depends on anybody.
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  const int seals = ::fcntl(packet.fd.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return nonsense;
  std::uint64_t offset = 0;
  for (const wire::Output& output : answer.reply.outputs()) {
    std::string bytes(output.bytes(), '\0');
    if (!ReadExactly(packet.fd.get(), offset, bytes).ok()) return nonsense;
    offset += output.bytes();
    answer.outputs.push_back(std::move(bytes));
  }
  return answer;
}

// Its size.
absl::StatusOr<std::uint64_t> CheckOriginal(int fd, std::uint64_t max_file_bytes) {
  struct stat about {};
  if (::fstat(fd, &about) != 0) return base::ErrnoStatus(errno, "the original cannot be read");
  if (!S_ISREG(about.st_mode)) {
    return absl::InvalidArgumentError("the original is not a regular file");
  }
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY) {
    return absl::InvalidArgumentError("the original must be opened for reading only");
  }
  if (about.st_size == 0) return absl::InvalidArgumentError("the file is empty");
  if (static_cast<std::uint64_t>(about.st_size) > max_file_bytes) {
    return absl::ResourceExhaustedError(base::Concat(
        "the file has ", about.st_size, " bytes, above the limit of ", max_file_bytes));
  }
  return static_cast<std::uint64_t>(about.st_size);
}

absl::Status MakesNoSense() {
  return absl::InternalError("the image worker gave an answer that makes no sense");
}

absl::StatusOr<ImageFacts> FactsOf(const Answer& answer, std::uint64_t original_bytes) {
  absl::StatusOr<ImageFacts> facts = FromWire(answer.reply.facts());
  if (!facts.ok()) return MakesNoSense();
  if (facts->size_bytes != original_bytes) {
    return absl::AbortedError("the file changed before it was read; try again later");
  }
  return facts;
}

// Nothing but JPEGs of ours goes on to customers and printers.
bool IsPlainJpeg(std::string_view jpeg, PixelSize size) {
  const absl::StatusOr<SplitJpeg> parts = SplitJpegHeader(jpeg);
  return parts.ok() && JpegFrameSize(parts->header) == size && jpeg.ends_with("\xFF\xD9");
}

absl::StatusOr<std::filesystem::path> WorkerBesideThisProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return base::ErrnoStatus(error.value(), "cannot find the image worker program");
  return self.parent_path() / "proofline-imaging-worker";
}

// The parts of a request that are too long for a packet, in a memory file; none if there are none.
absl::StatusOr<base::UniqueFd> Enclose(const RenditionRequest& request,
                                       wire::MakeRenditions& work) {
  std::vector<std::string_view> parts;
  if (!request.sidecar_xmp.empty()) {
    work.set_sidecar_bytes(request.sidecar_xmp.size());
    parts.push_back(request.sidecar_xmp);
  }
  if (request.watermark) {
    *work.mutable_watermark() = ToWire(*request.watermark);
    work.set_watermark_png_bytes(request.watermark->png.size());
    if (!request.watermark->png.empty()) parts.push_back(request.watermark->png);
  }
  if (parts.empty()) return base::UniqueFd();
  return MakeMemoryFile(parts);
}

absl::Status CheckOptions(const WorkerPool::Options& options) {
  const bool in_range = options.workers >= 1 && options.workers <= 256 &&
                        options.memory_limit >= std::uint64_t{256} << 20 &&
                        options.time_limit.count() > 0 && options.recycle_after >= 1 &&
                        options.max_pixels >= 1 && options.max_file_bytes >= 1 &&
                        options.nice >= 0 && options.nice <= 19;
  if (in_range) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "image workers need 1 to 256 workers, 256 MiB of memory or more, a time limit, a recycling "
      "count and picture limits above 0, and a niceness of 0 to 19");
}

}  // namespace

class WorkerPool::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)), slots_(options_.workers) {}

  const Options& options() const { return options_; }

  absl::StatusOr<Answer> Run(const wire::Request& request, int fd, const std::stop_token& stop,
                             int second_fd = -1) {
    absl::StatusOr<std::size_t> slot = TakeSlot(stop);
    if (!slot.ok()) return slot.status();
    absl::StatusOr<Answer> answer = RunIn(*slot, request.SerializeAsString(), fd, second_fd, stop);
    std::lock_guard lock(mutex_);
    ++stats_.pictures;
    if (!answer.ok()) ++stats_.failed;
    slots_[*slot].busy = false;
    free_.notify_one();
    return answer;
  }

  Stats stats() const {
    std::lock_guard lock(mutex_);
    Stats stats = stats_;
    for (const Slot& slot : slots_) stats.workers_alive += slot.pid > 0 ? 1 : 0;
    return stats;
  }

  std::vector<int> WorkerPids() const {
    std::lock_guard lock(mutex_);
    std::vector<int> pids;
    for (const Slot& slot : slots_) {
      if (slot.pid > 0) pids.push_back(slot.pid);
    }
    return pids;
  }

 private:
  struct Slot {
    bool busy = false;
    // A copy of the process's id that others may look at.
    int pid = -1;
    // Touched only by the call that has the slot.
    std::unique_ptr<WorkerProcess> process;
  };

  absl::StatusOr<std::size_t> TakeSlot(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    std::size_t best = slots_.size();
    const auto find_free = [&] {
      for (std::size_t i = 0; i < slots_.size(); ++i) {
        if (slots_[i].busy) continue;
        if (best == slots_.size()) best = i;
        // One that runs already costs no start.
        if (slots_[i].process != nullptr) {
          best = i;
          break;
        }
      }
      return best != slots_.size();
    };
    if (stop.stop_requested() || !free_.wait(lock, stop, find_free)) {
      return absl::CancelledError("the work on the picture was cancelled");
    }
    slots_[best].busy = true;
    return best;
  }

  void Discard(Slot& slot) {
    slot.process.reset();
    std::lock_guard lock(mutex_);
    slot.pid = -1;
  }

  absl::Status EnsureProcess(Slot& slot, const std::stop_token& stop) {
    if (slot.process != nullptr && slot.process->Alive() &&
        slot.process->answered() < options_.recycle_after) {
      return absl::OkStatus();
    }
    Discard(slot);
    const WorkerLimits limits{.program = options_.worker_path,
                              .memory_limit = options_.memory_limit,
                              .max_pixels = options_.max_pixels,
                              .max_file_bytes = options_.max_file_bytes,
                              .nice = options_.nice};
    absl::StatusOr<std::unique_ptr<WorkerProcess>> process = WorkerProcess::Start(limits, stop);
    if (!process.ok()) return process.status();
    slot.process = *std::move(process);
    std::lock_guard lock(mutex_);
    slot.pid = slot.process->pid();
    ++stats_.workers_started;
    return absl::OkStatus();
  }

  // One attempt. `fresh` tells whether the worker had done nothing before.
  absl::StatusOr<Answer> Attempt(Slot& slot, std::string_view request, int fd, int second_fd,
                                 bool& fresh, const std::stop_token& stop) {
    fresh = slot.process->answered() == 0;
    absl::StatusOr<Packet> packet =
        slot.process->Exchange(request, fd, second_fd, options_.time_limit, stop);
    if (!packet.ok()) return packet.status();
    return ReadAnswer(*packet);
  }

  absl::StatusOr<Answer> RunIn(std::size_t index, std::string_view request, int fd, int second_fd,
                               const std::stop_token& stop) {
    Slot& slot = slots_[index];
    for (int attempt = 1;; ++attempt) {
      if (absl::Status status = EnsureProcess(slot, stop); !status.ok()) return status;
      bool fresh = false;
      absl::StatusOr<Answer> answer = Attempt(slot, request, fd, second_fd, fresh, stop);
      if (answer.ok()) {
        const auto code = static_cast<absl::StatusCode>(answer->reply.code());
        if (code == absl::StatusCode::kOk) return answer;
        const absl::Status failure(code, CleanLine(answer->reply.reason(), kMaxReason));
        if (!answer->reply.out_of_memory()) return failure;
        // A decoder that found no memory leaves its library in a state nobody knows; and a fresh
        // worker may have more than one that has done much.
        if (fresh || attempt == 2) {
          Discard(slot);
          return failure;
        }
      }
      Discard(slot);
      if (absl::IsCancelled(answer.status()) || absl::IsUnavailable(answer.status())) {
        return answer.status();
      }
      if (attempt == 2) return Explain(answer.status());
      std::lock_guard lock(mutex_);
      ++stats_.retries;
    }
  }

  absl::Status Explain(const absl::Status& status) const {
    if (absl::IsDeadlineExceeded(status)) {
      return absl::DeadlineExceededError(
          base::Concat("the picture took longer than the time limit of ",
                       absl::FormatDuration(absl::FromChrono(options_.time_limit)), ", twice"));
    }
    if (absl::IsResourceExhausted(status)) {
      return absl::ResourceExhaustedError(base::Concat("the picture needs more memory than the ",
                                                       options_.memory_limit >> 20,
                                                       " MiB that one picture may take"));
    }
    return absl::InternalError(
        base::Concat("the picture made the decoder crash twice (", status.message(), ")"));
  }

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable_any free_;
  std::vector<Slot> slots_;
  Stats stats_;
};

absl::StatusOr<std::unique_ptr<WorkerPool>> WorkerPool::Create(Options options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (options.worker_path.empty()) {
    absl::StatusOr<std::filesystem::path> path = WorkerBesideThisProgram();
    if (!path.ok()) return path.status();
    options.worker_path = *std::move(path);
  }
  std::error_code error;
  options.worker_path = std::filesystem::absolute(options.worker_path, error);
  if (error || ::access(options.worker_path.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(
        base::Concat("the image worker program is not at ", options.worker_path.string(),
                     "; install it beside the daemons, or set where it is"));
  }
  return std::unique_ptr<WorkerPool>(new WorkerPool(std::make_unique<Impl>(std::move(options))));
}

WorkerPool::WorkerPool(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WorkerPool::~WorkerPool() = default;

WorkerPool::Stats WorkerPool::stats() const { return impl_->stats(); }
std::vector<int> WorkerPool::WorkerPids() const { return impl_->WorkerPids(); }

absl::StatusOr<Renditions> WorkerPool::MakeRenditions(int original_fd,
                                                      const RenditionRequest& request,
                                                      const std::stop_token& stop) {
  if (absl::Status status = Validate(request); !status.ok()) return status;
  const absl::StatusOr<std::uint64_t> size =
      CheckOriginal(original_fd, impl_->options().max_file_bytes);
  if (!size.ok()) return size.status();
  wire::Request message;
  wire::MakeRenditions& work = *message.mutable_make_renditions();
  for (const RenditionSpec& spec : request.specs) *work.add_specs() = ToWire(spec);
  *work.mutable_edit() = ToWire(request.edit);
  const absl::StatusOr<base::UniqueFd> parts = Enclose(request, work);
  if (!parts.ok()) return parts.status();
  absl::StatusOr<Answer> answer = impl_->Run(message, original_fd, stop, parts->get());
  if (!answer.ok()) return answer.status();
  absl::StatusOr<ImageFacts> facts = FactsOf(*answer, *size);
  if (!facts.ok()) return facts.status();
  if (answer->outputs.size() != request.specs.size()) return MakesNoSense();
  Renditions result;
  result.facts = *std::move(facts);
  for (std::size_t i = 0; i < request.specs.size(); ++i) {
    const wire::Output& output = answer->reply.outputs(static_cast<int>(i));
    if (std::max(output.width(), output.height()) > request.specs[i].long_edge_px ||
        !IsPlainJpeg(answer->outputs[i], {output.width(), output.height()})) {
      return MakesNoSense();
    }
    result.renditions.push_back({.kind = request.specs[i].kind,
                                 .width = output.width(),
                                 .height = output.height(),
                                 .jpeg = std::move(answer->outputs[i])});
  }
  return result;
}

absl::StatusOr<PrintRendering> WorkerPool::RenderPrint(int original_fd, const PrintRequest& request,
                                                       const std::stop_token& stop) {
  if (absl::Status status = Validate(request.edit); !status.ok()) return status;
  if (absl::Status status = Validate(request.spec); !status.ok()) return status;
  const absl::StatusOr<std::uint64_t> size =
      CheckOriginal(original_fd, impl_->options().max_file_bytes);
  if (!size.ok()) return size.status();
  wire::Request message;
  *message.mutable_render_print()->mutable_edit() = ToWire(request.edit);
  *message.mutable_render_print()->mutable_spec() = ToWire(request.spec);
  absl::StatusOr<Answer> answer = impl_->Run(message, original_fd, stop);
  if (!answer.ok()) return answer.status();
  absl::StatusOr<ImageFacts> facts = FactsOf(*answer, *size);
  if (!facts.ok()) return facts.status();
  if (answer->outputs.size() != 1 || !(answer->reply.source_pixels_per_pixel() > 0) ||
      !IsPlainJpeg(answer->outputs[0], {request.spec.width_px, request.spec.height_px})) {
    return MakesNoSense();
  }
  return PrintRendering{.jpeg = std::move(answer->outputs[0]),
                        .turned = answer->reply.turned(),
                        .source_pixels_per_pixel = answer->reply.source_pixels_per_pixel(),
                        .facts = *std::move(facts)};
}

absl::StatusOr<ImageFacts> WorkerPool::Inspect(int original_fd, const std::stop_token& stop,
                                               std::string_view sidecar_xmp) {
  if (sidecar_xmp.size() > kMaxSidecar) {
    return absl::InvalidArgumentError("the sidecar is larger than any that is read");
  }
  const absl::StatusOr<std::uint64_t> size =
      CheckOriginal(original_fd, impl_->options().max_file_bytes);
  if (!size.ok()) return size.status();
  wire::Request message;
  message.mutable_inspect()->set_sidecar_bytes(sidecar_xmp.size());
  absl::StatusOr<base::UniqueFd> sidecar = base::UniqueFd();
  if (!sidecar_xmp.empty()) sidecar = MakeMemoryFile(std::span(&sidecar_xmp, 1));
  if (!sidecar.ok()) return sidecar.status();
  absl::StatusOr<Answer> answer = impl_->Run(message, original_fd, stop, sidecar->get());
  if (!answer.ok()) return answer.status();
  return FactsOf(*answer, *size);
}

absl::StatusOr<Similarity> WorkerPool::Compare(std::string_view a, std::string_view b,
                                               const std::stop_token& stop) {
  const std::vector<std::string_view> pieces = {a, b};
  absl::StatusOr<base::UniqueFd> file = MakeMemoryFile(pieces);
  if (!file.ok()) return file.status();
  wire::Request message;
  message.mutable_compare();
  for (std::string_view piece : pieces) message.add_piece_bytes(piece.size());
  absl::StatusOr<Answer> answer = impl_->Run(message, file->get(), stop);
  if (!answer.ok()) return answer.status();
  return Similarity{.ssim = answer->reply.ssim(), .mean_delta_e = answer->reply.mean_delta_e()};
}

absl::StatusOr<std::string> WorkerPool::ContactSheet(const std::vector<std::string>& pictures,
                                                     int columns, int cell_px,
                                                     const std::vector<std::string>& labels,
                                                     const std::stop_token& stop) {
  if (!std::all_of(labels.begin(), labels.end(),
                   [](const std::string& label) { return IsValidUtf8(label); })) {
    return absl::InvalidArgumentError("a label of the contact sheet is not UTF-8");
  }
  const std::vector<std::string_view> pieces(pictures.begin(), pictures.end());
  absl::StatusOr<base::UniqueFd> file = MakeMemoryFile(pieces);
  if (!file.ok()) return file.status();
  wire::Request message;
  message.mutable_contact_sheet()->set_columns(columns);
  message.mutable_contact_sheet()->set_cell_px(cell_px);
  message.mutable_contact_sheet()->mutable_labels()->Assign(labels.begin(), labels.end());
  for (std::string_view piece : pieces) message.add_piece_bytes(piece.size());
  absl::StatusOr<Answer> answer = impl_->Run(message, file->get(), stop);
  if (!answer.ok()) return answer.status();
  if (answer->outputs.size() != 1) return MakesNoSense();
  return std::move(answer->outputs[0]);
}

}  // namespace proofline::imaging
