// One identity a duty: the worker reads images and owns its storage, Event Grid may only put messages on
// a queue, and what may write to the registry exists only when it is asked for.

@description('Start of each identity\'s name.')
param prefix string

@description('Region of the identities.')
param location string

@description('Tags of the identities.')
param tags object

@description('Whether there is an identity that may delete images.')
param cleanup bool

@description('Whether there is an identity that may attach verdicts to images.')
param attach bool

resource worker 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-worker'
  location: location
  tags: tags
}

resource events 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${prefix}-events'
  location: location
  tags: tags
}

resource cleaner 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (cleanup) {
  name: '${prefix}-cleanup'
  location: location
  tags: tags
}

resource attacher 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (attach) {
  name: '${prefix}-attach'
  location: location
  tags: tags
}

@description('The worker\'s resource id.')
output workerId string = worker.id

@description('The worker\'s client id, for its settings.')
output workerClientId string = worker.properties.clientId

@description('The worker\'s principal, for its roles.')
output workerPrincipalId string = worker.properties.principalId

@description('Resource id of what Event Grid delivers with.')
output eventsId string = events.id

@description('Principal of what Event Grid delivers with.')
output eventsPrincipalId string = events.properties.principalId

@description('Client id of what may delete; empty without one.')
output cleanupClientId string = cleanup ? cleaner!.properties.clientId : ''

@description('Principal of what may delete; empty without one.')
output cleanupPrincipalId string = cleanup ? cleaner!.properties.principalId : ''

@description('Resource id of what may attach; empty without one.')
output attachId string = attach ? attacher.id : ''

@description('Client id of what may attach; empty without one.')
output attachClientId string = attach ? attacher!.properties.clientId : ''

@description('Principal of what may attach; empty without one.')
output attachPrincipalId string = attach ? attacher!.properties.principalId : ''
