#include "lib/imaging/worker_service.h"

#include <sys/stat.h>

#include <cerrno>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "lib/base/digest.h"
#include "lib/base/file.h"
#include "lib/base/text.h"
#include "lib/imaging/compare.h"
#include "lib/imaging/contact_sheet.h"
#include "lib/imaging/metadata.h"
#include "lib/imaging/render.h"
#include "lib/imaging/text.h"
#include "lib/imaging/want_of_memory.h"
#include "lib/imaging/worker_channel.h"
#include "lib/imaging/worker_wire.h"

namespace proofline::imaging {
namespace {

constexpr std::size_t kMaxReason = 280;

constexpr std::string_view kCannotRead = "the file cannot be read";

// Whatever the reason was: disk and network are no fault of the picture's.
absl::Status Unreadable(const absl::Status& status) {
  return absl::IsAborted(status) ? status : absl::DataLossError(status.message());
}

struct FileContent {
  std::unique_ptr<char[]> data;
  std::size_t size = 0;
  std::string_view bytes() const { return {data.get(), size}; }
};

absl::StatusOr<FileContent> ReadWhole(int fd, std::uint64_t max_bytes) {
  struct stat before {};
  struct stat after {};
  if (::fstat(fd, &before) != 0) return Unreadable(base::ErrnoStatus(errno, kCannotRead));
  const auto size = static_cast<std::uint64_t>(before.st_size);
  if (size > max_bytes) {
    return absl::ResourceExhaustedError(
        base::Concat("the file has ", size, " bytes, above the limit of ", max_bytes));
  }
  FileContent content{std::make_unique_for_overwrite<char[]>(size), size};
  if (absl::Status status = ReadExactly(fd, 0, std::span(content.data.get(), size)); !status.ok()) {
    return Unreadable(status);
  }
  if (::fstat(fd, &after) != 0 || after.st_size != before.st_size ||
      after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
      after.st_mtim.tv_nsec != before.st_mtim.tv_nsec) {
    return absl::AbortedError("the file changed while it was read; try again later");
  }
  return content;
}

absl::StatusOr<std::vector<std::string_view>> Pieces(const wire::Request& request,
                                                     std::string_view bytes) {
  std::vector<std::string_view> pieces;
  for (std::uint64_t size : request.piece_bytes()) {
    if (size > bytes.size()) return absl::InvalidArgumentError("the pictures are incomplete");
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return pieces;
}

void SetStatus(WorkerAnswer& answer, const absl::Status& status) {
  answer.reply.set_code(static_cast<int>(status.code()));
  answer.reply.set_reason(CleanLine(base::ToStd(status.message()), kMaxReason));
  answer.reply.set_out_of_memory(IsWantOfMemory(status));
}

void SetFacts(WorkerAnswer& answer, ImageFacts facts, std::string_view file) {
  facts.size_bytes = file.size();
  facts.digest = base::Sha256Of(file);
  *answer.reply.mutable_facts() = ToWire(facts);
}

void AddOutput(WorkerAnswer& answer, std::string bytes, int width, int height) {
  wire::Output& output = *answer.reply.add_outputs();
  output.set_bytes(bytes.size());
  output.set_width(width);
  output.set_height(height);
  answer.outputs.push_back(std::move(bytes));
}

// `to` gets the next `size` bytes of what came with the request.
absl::Status TakePart(int fd, std::uint64_t& offset, std::uint64_t size, std::uint64_t most,
                      std::string& to) {
  if (size == 0) return absl::OkStatus();
  if (size > most || fd < 0) return absl::InvalidArgumentError("the request is incomplete");
  to.resize(size);
  const std::uint64_t at = offset;
  offset += size;
  return ReadExactly(fd, at, to);
}

absl::StatusOr<RenditionRequest> RequestOf(const wire::MakeRenditions& work, int second_fd) {
  RenditionRequest request{.specs = {}, .edit = FromWire(work.edit())};
  for (const wire::RenditionSpec& spec : work.specs()) request.specs.push_back(FromWire(spec));
  std::uint64_t offset = 0;
  absl::Status status =
      TakePart(second_fd, offset, work.sidecar_bytes(), kMaxSidecar, request.sidecar_xmp);
  if (work.has_watermark()) {
    request.watermark = FromWire(work.watermark());
    status.Update(TakePart(second_fd, offset, work.watermark_png_bytes(), Watermark::kMaxPng,
                           request.watermark->png));
  }
  status.Update(Validate(request));
  if (!status.ok()) return status;
  return request;
}

absl::Status DoRenditions(const wire::MakeRenditions& work, std::string_view file, int second_fd,
                          const PictureLimits& limits, WorkerAnswer& answer) {
  const absl::StatusOr<RenditionRequest> request = RequestOf(work, second_fd);
  if (!request.ok()) return request.status();
  absl::StatusOr<Renditions> made = MakeRenditions(file, *request, limits);
  if (!made.ok()) return made.status();
  SetFacts(answer, std::move(made->facts), file);
  for (Rendition& rendition : made->renditions) {
    AddOutput(answer, std::move(rendition.jpeg), rendition.width, rendition.height);
  }
  return absl::OkStatus();
}

absl::Status DoPrint(const wire::RenderPrint& work, std::string_view file,
                     const PictureLimits& limits, WorkerAnswer& answer) {
  const PrintRequest request{.edit = FromWire(work.edit()), .spec = FromWire(work.spec())};
  if (absl::Status status = Validate(request.edit); !status.ok()) return status;
  if (absl::Status status = Validate(request.spec); !status.ok()) return status;
  absl::StatusOr<PrintRendering> page = RenderPrint(file, request, limits);
  if (!page.ok()) return page.status();
  SetFacts(answer, std::move(page->facts), file);
  answer.reply.set_turned(page->turned);
  answer.reply.set_source_pixels_per_pixel(page->source_pixels_per_pixel);
  AddOutput(answer, std::move(page->jpeg), request.spec.width_px, request.spec.height_px);
  return absl::OkStatus();
}

absl::Status DoInspect(const wire::Inspect& work, std::string_view file, int second_fd,
                       const PictureLimits& limits, WorkerAnswer& answer) {
  std::string sidecar;
  std::uint64_t offset = 0;
  absl::Status status = TakePart(second_fd, offset, work.sidecar_bytes(), kMaxSidecar, sidecar);
  if (!status.ok()) return status;
  absl::StatusOr<ImageFacts> facts = Inspect(file, limits);
  if (!facts.ok()) return facts.status();
  ApplySidecar(sidecar, *facts);
  SetFacts(answer, *std::move(facts), file);
  return absl::OkStatus();
}

absl::Status DoCompare(const std::vector<std::string_view>& pieces, const PictureLimits& limits,
                       WorkerAnswer& answer) {
  if (pieces.size() != 2) return absl::InvalidArgumentError("only two pictures can be compared");
  absl::StatusOr<Similarity> similarity = Compare(pieces[0], pieces[1], limits);
  if (!similarity.ok()) return similarity.status();
  answer.reply.set_ssim(similarity->ssim);
  answer.reply.set_mean_delta_e(similarity->mean_delta_e);
  return absl::OkStatus();
}

absl::Status DoContactSheet(const wire::ContactSheet& work,
                            const std::vector<std::string_view>& pieces,
                            const PictureLimits& limits, WorkerAnswer& answer) {
  const std::vector<std::string> labels(work.labels().begin(), work.labels().end());
  absl::StatusOr<std::string> sheet =
      ContactSheet(pieces, labels, work.columns(), work.cell_px(), limits);
  if (!sheet.ok()) return sheet.status();
  AddOutput(answer, *std::move(sheet), 0, 0);
  return absl::OkStatus();
}

absl::Status Do(const wire::Request& request, std::string_view file, int second_fd,
                const PictureLimits& limits, WorkerAnswer& answer) {
  absl::StatusOr<std::vector<std::string_view>> pieces = Pieces(request, file);
  if (!pieces.ok()) return pieces.status();
  switch (request.work_case()) {
    case wire::Request::kInspect:
      return DoInspect(request.inspect(), file, second_fd, limits, answer);
    case wire::Request::kMakeRenditions:
      return DoRenditions(request.make_renditions(), file, second_fd, limits, answer);
    case wire::Request::kRenderPrint:
      return DoPrint(request.render_print(), file, limits, answer);
    case wire::Request::kCompare:
      return DoCompare(*pieces, limits, answer);
    case wire::Request::kContactSheet:
      return DoContactSheet(request.contact_sheet(), *pieces, limits, answer);
    case wire::Request::WORK_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("the image worker was asked for nothing it knows");
}

}  // namespace

WorkerAnswer Serve(const wire::Request& request, int fd, int second_fd, const PictureLimits& limits,
                   std::uint64_t max_file_bytes) {
  WorkerAnswer answer;
  absl::Status status;
  try {
    absl::StatusOr<FileContent> content = ReadWhole(fd, max_file_bytes);
    status =
        content.ok() ? Do(request, content->bytes(), second_fd, limits, answer) : content.status();
  } catch (const std::bad_alloc&) {
    status = WantOfMemory("the picture needs more memory than one picture may take");
  } catch (const std::exception& error) {
    status = absl::InvalidArgumentError(
        base::Concat("the picture cannot be decoded (", CleanLine(error.what(), 160), ")"));
  }
  if (!status.ok()) {
    answer = {};
    SetStatus(answer, status);
  }
  return answer;
}

}  // namespace proofline::imaging
