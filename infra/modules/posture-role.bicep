// What the weekly look at the registry's settings may read, and no more. The built-in role for that
// ("Configuration Reader and Data Access Configuration Reader") may list the admin password, and Reader pulls.
targetScope = 'subscription'

@description('Makes the role\'s name one of its kind: a directory has no two custom roles of one name.')
param suffix string

var here = subscription().id

resource role 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(here, suffix, 'posture')
  properties: {
    roleName: 'Pushscan posture ${suffix}'
    description: 'Reads the settings of a container registry: no image, no password, no secret of a webhook.'
    type: 'CustomRole'
    permissions: [
      {
        actions: [
          'Microsoft.App/containerApps/read'
          'Microsoft.Authorization/roleAssignments/read'
          'Microsoft.ContainerRegistry/registries/cacheRules/read'
          'Microsoft.ContainerRegistry/registries/read'
          'Microsoft.ContainerRegistry/registries/replications/read'
          'Microsoft.ContainerRegistry/registries/tokens/read'
          'Microsoft.ContainerRegistry/registries/webhooks/read'
          'Microsoft.Insights/diagnosticSettings/read'
          'Microsoft.PolicyInsights/policyStates/queryResults/action'
        ]
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
    assignableScopes: [here]
  }
}

@description('The role\'s resource id.')
output id string = role.id
