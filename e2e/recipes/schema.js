// The schema of the GraphQL application: news that begin and do not end, so that a
// subscription lasts as long as its connection.
import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';

async function* news(root, args, { user }) {
  yield { news: `news for ${user}` };
  await new Promise(() => {});
}

export const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { news: { type: GraphQLString } } }),
  subscription: new GraphQLObjectType({ name: 'Subscription', fields: { news: { type: GraphQLString, subscribe: news } } }),
});
