// proofline new-key: keys that two daemons share.
#include "cli/exit_code.h"
#include "cli/key_file.h"
#include "cli/program.h"
#include "google/protobuf/struct.pb.h"
#include "lib/base/id.h"
#include "lib/base/text.h"
#include "lib/rpc/access_key.h"

namespace proofline::cli {
namespace {

struct NewKey {
  std::vector<std::string> names;
  std::string into;
};

absl::Status MakeKey(Program& program, const NewKey& wanted) {
  for (const std::string& name : wanted.names) {
    if (!base::IsValidId(name)) {
      return UsageError(base::Concat("\"", name, "\" is no identifier; write 1 to 63 of a-z, 0-9 ",
                                     "and hyphens, a letter or digit at both ends"));
    }
  }
  const std::string key = rpc::FormatAccessKey({wanted.names, base::NewSecret()});
  google::protobuf::Struct answer;
  auto& fields = *answer.mutable_fields();
  if (wanted.into.empty()) {
    fields["key"].set_string_value(key);
    if (program.output.json()) {
      program.output.Json(answer);
    } else {
      program.output.Line(key);
    }
    return absl::OkStatus();
  }
  if (absl::Status status = WriteKeyFile(wanted.into, key); !status.ok()) return status;
  fields["file"].set_string_value(wanted.into);
  program.output.Done(answer, "wrote a new key to " + wanted.into);
  return absl::OkStatus();
}

}  // namespace

void AddKeyCommands(CLI::App& root, Program& program) {
  auto wanted = std::make_shared<NewKey>();
  CLI::App* verb =
      AddVerb(root, program, "new-key",
              "Make a key for a studio at a lab: for [[studio]] of the lab, [[lab]] of the studio",
              "proofline new-key demo --into demo-at-lab.key",
              [&program, wanted] { return MakeKey(program, *wanted); });
  verb->add_option("names", wanted->names, "Whom the key belongs to: the studio's identifier")
      ->required();
  verb->add_option("--into", wanted->into, "Write it into this new file (mode 0600)");
}

}  // namespace proofline::cli
