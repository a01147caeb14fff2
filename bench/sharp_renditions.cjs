// Both renditions of every file by sharp, as its users would make them: the file is read once.
//
//   node sharp_renditions.cjs MODULES OUTPUT QUALITY FILE…
//
// Prints the CPU seconds of the work alone: the first file is done once before, so that starting Node and loading the
// library do not count.
const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');

const [modules, output, quality, ...files] = process.argv.slice(2);
const sharp = createRequire(path.join(modules, 'package.json'))('sharp');
const [proofQuality, thumbnailQuality] = quality.split(',').map(Number);
// One thread for each picture, two pictures at once.
sharp.concurrency(1);
sharp.cache(false);

async function renditions(file) {
  const original = sharp(await fs.promises.readFile(file), { failOn: 'truncated' }).autoOrient();
  const small = (edge, quality) =>
    original
      .clone()
      .resize(edge, edge, { fit: 'inside', withoutEnlargement: true })
      .jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: false })
      .toBuffer();
  const name = path.join(output, path.basename(file));
  await fs.promises.writeFile(`${name}.proof.jpg`, await small(1600, proofQuality));
  await fs.promises.writeFile(`${name}.thumbnail.jpg`, await small(320, thumbnailQuality));
}

async function main() {
  await renditions(files[0]);
  const before = process.cpuUsage();
  const start = process.hrtime.bigint();
  const open = [...files];
  const worker = async () => {
    while (open.length > 0) await renditions(open.shift());
  };
  await Promise.all([worker(), worker()]);
  const used = process.cpuUsage(before);
  console.log((used.user + used.system) / 1e6, Number(process.hrtime.bigint() - start) / 1e9);
}

main();
