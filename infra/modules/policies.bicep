// Built-in policies, assigned by id to the resource group: they see later changes that this template cannot.

@description('What a policy does about a resource that breaks it.')
@allowed(['Audit', 'Deny', 'Disabled'])
param effect string

@description('How far the network is closed; it decides which policies apply.')
@allowed(['open', 'firewall', 'private'])
param profile string

@description('Whether the registry has a key of its own.')
param customerManagedKey bool

var everywhere = [
  { name: 'acr-admin-off', id: 'dc921057-6b28-4fbe-9b83-f7bec05db6c2', denies: true }
  { name: 'acr-anonymous-off', id: '9f2dea28-e834-476c-99c5-3507b4728395', denies: true }
  { name: 'acr-tokens-off', id: 'ff05e24e-195c-447e-b322-5e90c9f9f366', denies: true }
]
var network = [
  { name: 'acr-no-unrestricted-network', id: 'd0793b48-0edc-4296-a390-4c75d1bdfd71', denies: true }
  { name: 'acr-private-link', id: 'e8eef0a8-67cf-4eb4-9386-14b0e78733d4', denies: false }
]
var shut = [
  { name: 'acr-public-access-off', id: '0fdf0491-d080-4575-b627-ad0e843cba0f', denies: true }
  { name: 'acr-export-off', id: '524b0254-c285-4903-bee6-bb8126cde579', denies: true }
]
var key = [
  { name: 'acr-own-key', id: '5b9159ae-1701-4a6f-9a7a-aa9c8ddd0580', denies: true }
]
var assigned = concat(
  everywhere,
  profile == 'open' ? [] : network,
  profile == 'private' ? shut : [],
  customerManagedKey ? key : []
)

resource assignments 'Microsoft.Authorization/policyAssignments@2025-03-01' = [
  for policy in assigned: {
    name: policy.name
    properties: {
      displayName: 'Pushscan: ${policy.name}'
      policyDefinitionId: tenantResourceId('Microsoft.Authorization/policyDefinitions', policy.id)
      parameters: {
        effect: { value: effect == 'Deny' && !policy.denies ? 'Audit' : effect }
      }
    }
  }
]
