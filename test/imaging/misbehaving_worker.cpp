// A worker for tests that does what a worker must not. Its behaviour is its program's name, for a
// worker gets no other word from outside; a file NAME.seen tells that a request has come.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

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

void Answer(const std::string& behaviour) {
  wire::Reply reply;
  ImageFacts facts;
  facts.format = "jpeg";
  facts.width = facts.height = 1;
  facts.digest = base::Sha256Of("x");
  *reply.mutable_facts() = ToWire(facts);
  base::UniqueFd file;
  if (behaviour == "lies-about-length") {
    const std::string_view piece = "short";
    file = *MakeMemoryFile({&piece, 1});
    for (int i = 0; i < 2; ++i) reply.add_outputs()->set_bytes(std::uint64_t{1} << 40);
  } else if (behaviour == "promises-without-file") {
    reply.add_outputs()->set_bytes(100);
  } else if (behaviour == "saw-a-change") {
    reply.set_code(static_cast<int>(absl::StatusCode::kAborted));
    reply.set_reason("the file changed while it was read; try again later");
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
  while (ReceivePacket(kWorkerSocket).ok()) {
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
    Answer(behaviour);
  }
  return 0;
}

}  // namespace
}  // namespace proofline::imaging

int main(int, char** argv) { return proofline::imaging::Run(argv[0]); }
