/** Reads a receipt or another table as typed data: npm run example read-receipt receipt.png */

import { VisionGenerator, withModel } from 'node-bllossom';
import { z } from 'zod';
import { exampleConfig } from './model.js';

const [image = 'models/pictures/receipt.png'] = process.argv.slice(2);

const Receipt = z.object({
  shop: z.string().max(60),
  items: z.array(z.object({ name: z.string().max(60), price: z.int().min(0).max(100_000_000) })).max(20),
  currency: z.enum(['KRW', 'USD', 'EUR', 'JPY']),
});

await withModel(exampleConfig(), async (manager) => {
  const { parsed } = await new VisionGenerator(manager).analyzeTable(image, {
    responseFormat: { type: 'json', schema: Receipt },
    maxTokens: 400,
  });
  console.log(parsed.shop);
  console.table(parsed.items);
  const total = parsed.items.reduce((sum, { price }) => sum + price, 0);
  console.log(`${total} ${parsed.currency}`);
});
