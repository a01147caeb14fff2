// A worker for tests that does what a worker must not. Its behaviour is its program's name, for a
// worker gets no other word from outside; a file NAME.seen tells that a request has come.
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/digest.h"
#include "lib/imaging/worker_channel.h"
#include "lib/imaging/worker_wire.h"

namespace proofline::imaging {
namespace {

[[noreturn]] void Crash() {
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  std::abort();
}

[[noreturn]] void Hang() {
  while (true) ::pause();
}

// A JPEG of nothing, with the frame of a picture of one pixel.
std::string TinyJpeg() {
  return std::string("\xFF\xD8\xFF\xC0\x00\x0B\x08\x00\x01\x00\x01\x01\x01\x11\x00", 15) +
         std::string("\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00 \xFF\xD9", 13);
}

base::UniqueFd UnsealedFile(const std::string& bytes) {
  base::UniqueFd file(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  static_cast<void>(!::write(file.get(), bytes.data(), bytes.size()));
  return file;
}

// One output for each specification, as if it were a rendition.
void AddOutputs(const std::string& behaviour, const wire::Request& request, wire::Reply& reply,
                base::UniqueFd& file) {
  const bool script = behaviour == "shows-no-picture";
  const std::string piece = script ? "<script>alert(1)</script>" : TinyJpeg();
  const std::vector<std::string_view> pieces(
      static_cast<std::size_t>(request.make_renditions().specs_size()), piece);
  for (std::string_view one : pieces) {
    wire::Output& output = *reply.add_outputs();
    output.set_bytes(one.size());
    output.set_width(behaviour == "lies-about-pixels" ? 20000 : 1);
    output.set_height(1);
  }
  if (pieces.empty()) return;
  file = *MakeMemoryFile(pieces);
  if (behaviour == "keeps-its-file-open") {
    std::string all;
    for (std::string_view one : pieces) all += one;
    file = UnsealedFile(all);
  }
}

void Answer(const std::string& behaviour, const Packet& packet) {
  wire::Request request;
  static_cast<void>(request.ParseFromString(packet.bytes));
  wire::Reply reply;
  ImageFacts facts;
  struct stat original {};
  ::fstat(packet.fd.get(), &original);
  facts.size_bytes = static_cast<std::uint64_t>(original.st_size);
  if (behaviour == "lies-about-original") facts.size_bytes += 1;
  facts.format = "jpeg";
  facts.width = facts.height = 1;
  facts.digest = base::Sha256Of("x");
  if (behaviour == "writes-dirty-facts") {
    facts.title = "a title\x07";
    facts.camera_make = "two\nlines";
    facts.exposure_time = std::numeric_limits<double>::infinity();
    facts.rating = 4711;
    facts.keywords.assign(1000, "word");
  }
  *reply.mutable_facts() = ToWire(facts);
  base::UniqueFd file;
  AddOutputs(behaviour, request, reply, file);
  if (behaviour == "lies-about-length") {
    const std::string_view piece = "short";
    file = *MakeMemoryFile({&piece, 1});
    for (int i = 0; i < 2; ++i) reply.add_outputs()->set_bytes(std::uint64_t{1} << 40);
  } else if (behaviour == "promises-without-file") {
    reply.add_outputs()->set_bytes(100);
  } else if (behaviour == "saw-a-change") {
    reply.set_code(static_cast<int>(absl::StatusCode::kAborted));
    reply.set_reason("the file changed while it was read; try again later");
  } else if (behaviour == "says-cancelled") {
    reply.set_code(static_cast<int>(absl::StatusCode::kCancelled));
    reply.set_reason("cancelled");
  } else if (behaviour == "fails-in-two-lines") {
    reply.set_code(static_cast<int>(absl::StatusCode::kInvalidArgument));
    reply.set_reason("the picture\nis broken");
  } else if (behaviour == "has-no-memory") {
    reply.set_code(static_cast<int>(absl::StatusCode::kResourceExhausted));
    reply.set_reason("the picture needs more memory than one picture may take");
    reply.set_out_of_memory(true);
  }
  if (behaviour == "talks-nonsense") {
    static_cast<void>(SendPacket(kWorkerSocket, "\xFF\xFF\xFF", -1));
  } else {
    static_cast<void>(SendPacket(kWorkerSocket, reply.SerializeAsString(), file.get()));
  }
}

int Run(const std::filesystem::path& self) {
  const std::string behaviour = self.filename().string();
  if (behaviour == "does-not-start") {
    std::fputs("first words\nthe library of pictures is missing\n", stderr);
    return 1;
  }
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  static_cast<void>(SendPacket(kWorkerSocket, "ready", -1));
  while (true) {
    const absl::StatusOr<Packet> packet = ReceivePacket(kWorkerSocket);
    if (!packet.ok()) break;
    const std::filesystem::path seen = self.string() + ".seen";
    const bool first = !std::filesystem::exists(seen);
    std::ofstream(seen) << "seen";
    if (behaviour == "crashes" || (behaviour == "crashes-once" && first)) Crash();
    if (behaviour == "hangs" || (behaviour == "hangs-once" && first)) Hang();
    if (behaviour == "wants-memory") {
      std::fputs("GLib-ERROR: failed to allocate 999 bytes\n", stderr);
      std::abort();
    }
    if (behaviour == "chats") {
      for (int i = 0; i < 200000; ++i) std::fputs("a warning about the picture\n", stderr);
    }
    if (behaviour == "chats-for-ever") {
      while (true) std::fputs("a warning about the picture\n", stderr);
    }
    Answer(behaviour, *packet);
  }
  return 0;
}

}  // namespace
}  // namespace proofline::imaging

int main(int, char** argv) { return proofline::imaging::Run(argv[0]); }
